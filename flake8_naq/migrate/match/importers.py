"""The names that other files of a run import from the files to fix."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from flake8_naq.files.documents import read_bytes
from flake8_naq.files.source_text import SourceError

ALL = "*"
# A module's path as it is given, and its real path.
_Module: TypeAlias = tuple[str, Path]
_FROM = re.compile(
    rb"^[ \t]*from[ \t]+(\.*)([\w.]*)[ \t]+import[ \t]+(\([^)]*\)|(?:[^\n\\]|\\\r?\n)*)",
    re.MULTILINE,
)
_COMMENT = re.compile(rb"#[^\n]*")
_NAME = re.compile(rb"(\w+|\*)(?:\s+as\s+\w+)?")


def imported_elsewhere(
    paths: Iterable[str], modules: Sequence[str]
) -> Mapping[str, frozenset[str]]:
    """The names that are imported from each of some modules, `ALL` among them for a star.

    It compares words and does not resolve imports: an extra name only keeps an import.

    Args:
        paths: All files of the run.
        modules: The files among them to fix.
    """
    by_name: dict[str, list[_Module]] = {}
    for module in modules:
        by_name.setdefault(Path(module).stem, []).append((module, Path(module).resolve()))
    found: dict[str, set[str]] = {}
    for path in paths if by_name else ():
        for module, names in _imported_in(path, by_name):
            found.setdefault(module, set()).update(names)
    return {module: frozenset(names) for module, names in found.items()}


def _imported_in(
    path: str, by_name: Mapping[str, Sequence[_Module]]
) -> Iterator[tuple[str, list[str]]]:
    """The names that one file imports from each of some modules."""
    try:
        content = read_bytes(path)
    except SourceError:
        return
    for dots, dotted, names in _FROM.findall(content):
        parts = dotted.decode("ascii", "replace").split(".")
        words = _NAME.findall(_COMMENT.sub(b"", names))
        for module, real in by_name.get(parts[-1], ()):
            if module != path and _means(path, len(dots), parts, real):
                yield module, [word.decode("utf-8", "replace") for word in words]


def _means(path: str, level: int, parts: Sequence[str], module: Path) -> bool:
    """Whether an import in a file may refer to a module."""
    if level:
        return Path(path).resolve().parents[level - 1].joinpath(*parts) == module.with_suffix("")
    return module.with_suffix("").parts[-len(parts) :] == tuple(parts)
