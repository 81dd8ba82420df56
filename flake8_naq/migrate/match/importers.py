"""Which names other files of a run import from the files that are to be fixed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from flake8_naq.migrate.documents import read_bytes
from flake8_naq.migrate.source import SourceError

ALL = "*"
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

    It goes by words, not by what Python would find: a name too many only keeps an import.

    Args:
        paths: All files of the run.
        modules: Those of them that are to be fixed.
    """
    by_name: dict[str, list[tuple[str, Path]]] = {}
    for module in modules:
        by_name.setdefault(Path(module).stem, []).append((module, Path(module).resolve()))
    found: dict[str, set[str]] = {}
    for path in paths if by_name else ():
        try:
            content = read_bytes(path)
        except SourceError:
            continue
        for dots, dotted, names in _FROM.findall(content):
            parts = dotted.decode("ascii", "replace").split(".")
            for module, real in by_name.get(parts[-1], ()):
                if module != path and _means(path, len(dots), parts, real):
                    words = _NAME.findall(_COMMENT.sub(b"", names))
                    found.setdefault(module, set()).update(
                        word.decode("utf-8", "replace") for word in words
                    )
    return {module: frozenset(names) for module, names in found.items()}


def _means(path: str, level: int, parts: Sequence[str], module: Path) -> bool:
    """Whether an import in a file may mean a module."""
    if level:
        return Path(path).resolve().parents[level - 1].joinpath(*parts) == module.with_suffix("")
    return module.with_suffix("").parts[-len(parts) :] == tuple(parts)
