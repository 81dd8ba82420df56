"""The local names of a class in the files of a run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from flake8_naq.files.source_text import Source


def local_names(
    home: str, name: str, sources: Mapping[str, Source], classes: frozenset[str]
) -> dict[str, set[str]]:
    """The names by which files know a class, by path; imports are followed from file to file.

    Args:
        home: The file that defines the class.
        name: Its name there.
        sources: The files that may name it.
        classes: The files that define another class of this name.
    """
    found: dict[str, set[str]] = {home: {name}}
    imports = {
        path: [node for node in ast.walk(source.tree) if isinstance(node, ast.ImportFrom)]
        for path, source in sources.items()
    }
    growing = True
    while growing:
        growing = False
        for path, nodes in imports.items():
            known = found.setdefault(path, set())
            new = {
                local
                for node in nodes
                for local in _brought(path, node, found, name, sources, classes)
            }
            growing = growing or not new <= known
            known |= new
    return found


def _brought(
    path: str,
    node: ast.ImportFrom,
    found: Mapping[str, set[str]],
    name: str,
    sources: Mapping[str, Source],
    others: frozenset[str],
) -> Iterator[str]:
    """The local names for the class that one import brings into a file."""
    targets = [other for other in sources if other != path and imports_from(path, node, other)]
    for alias in node.names:
        if alias.name == "*":
            for target in targets:
                yield from found.get(target, ())
        elif any(alias.name in found.get(target, ()) for target in targets) or (
            # A module outside of the run may re-export the class.
            not targets and alias.name == name and path not in others
        ):
            yield alias.asname or alias.name


def imports_from(path: str, node: ast.ImportFrom, target: str) -> bool:
    """Whether an import in a file may mean another file."""
    parts = (node.module or "").split(".") if node.module else []
    module = Path(target).resolve().with_suffix("")
    if module.name == "__init__":
        module = module.parent
    if node.level:
        return Path(path).resolve().parents[node.level - 1].joinpath(*parts) == module
    return module.parts[-len(parts) :] == tuple(parts)


def module_means(path: str, origin: str, target: str) -> bool:
    """Whether a dotted name that a file imports may be the module of another file."""
    dots = len(origin) - len(origin.lstrip("."))
    node = ast.ImportFrom(module=origin.lstrip(".") or None, names=[], level=dots)
    return imports_from(path, node, target)
