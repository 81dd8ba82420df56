"""The priority of a place: 1 high, 2 medium, 3 low.

The words of a name decide, from the inside out: class before module before package. In one name the
last known word wins, so ``WorkerStatusManager`` is status.
"""

from __future__ import annotations

import os
import re
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path, PurePath

from flake8_naq.settings import Settings

HIGH, MEDIUM, LOW = 1, 2, 3

_WORDS = {
    **dict.fromkeys(("queue", "worker", "failed", "event"), HIGH),
    **dict.fromkeys(("scheduler", "schedule", "scheduling", "status", "result"), MEDIUM),
    **dict.fromkeys(("cli", "command", "dashboard", "util", "utility"), LOW),
}
_PLURALS = {"statuses": "status", "utilities": "utility"}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def tier_of(path: str, qualname: str, settings: Settings) -> int:
    """The tier of a place.

    Args:
        path: The file's path, as flake8 was given it.
        qualname: Dotted name of the function or class, empty at module level.
        settings: The configured globs win over the built-in words.
    """
    for tier, globs in (
        (HIGH, settings.high_priority),
        (MEDIUM, settings.medium_priority),
        (LOW, settings.low_priority),
    ):
        if any(_matches(glob, path, qualname) for glob in globs):
            return tier
    classes = [part for part in qualname.split(".") if part.lstrip("_")[:1].isupper()]
    for name in (*reversed(classes), *_names_inside_out(path)):
        if tier := _tier_of_name(name):
            return tier
    return LOW


def _matches(glob: str, path: str, qualname: str) -> bool:
    pattern, _, wanted = glob.partition("::")
    if wanted and not (fnmatchcase(qualname, wanted) or fnmatchcase(qualname, wanted + ".*")):
        return False
    if "/" not in pattern and os.sep not in pattern:
        return any(fnmatchcase(part, pattern) for part in PurePath(path).parts)
    absolute, wanted_path = str(_absolute(path)), str(_absolute(pattern))
    return fnmatchcase(absolute, wanted_path) or fnmatchcase(absolute, wanted_path + "/*")


def _absolute(path: str) -> Path:
    return Path(os.path.normpath(Path(path).absolute()))


@lru_cache(maxsize=256)
def _names_inside_out(path: str) -> tuple[str, ...]:
    """Names of the module and of the packages around it, up to the working directory.

    Folders above the working directory do not describe the code, so for a file outside of it only
    the nearest folder counts.
    """
    pure = PurePath(path)
    if pure.is_absolute() or ".." in pure.parts:
        absolute, here = _absolute(path), Path.cwd()
        pure = absolute.relative_to(here) if absolute.is_relative_to(here) else absolute
    folders = list(pure.parent.parts)
    if pure.is_absolute():
        folders = folders[-1:]
    names = folders if pure.stem == "__init__" else [*folders, pure.stem]
    return tuple(reversed(names))


@lru_cache(maxsize=4096)
def _tier_of_name(name: str) -> int:
    for word in reversed(_WORD.findall(name)):
        lower = word.lower()
        singular = _PLURALS.get(lower, lower)
        tier = _WORDS.get(singular) or _WORDS.get(singular.removesuffix("s"))
        if tier:
            return tier
    return 0
