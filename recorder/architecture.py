"""The picture of the packages, drawn from their own imports when the site is built."""

from __future__ import annotations

import ast
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from html import escape
from importlib.util import find_spec
from pathlib import Path

import grimp

Imports = dict[str, set[str]]

_ROW = 76
_BOX = 34
_LETTER = 7.4
_GAP = 12
_WIDTH = 860


def rooms(package: str) -> Imports:
    """The modules and packages right below a package, each with those that it imports."""
    graph = grimp.build_graph(package, cache_dir=None)
    children = graph.find_children(package)
    found: Imports = {}
    for child in sorted(children):
        inside = {child, *graph.find_descendants(child)}
        imported = {
            target
            for module in inside
            for target in graph.find_modules_directly_imported_by(module)
        }
        found[child] = {".".join(target.split(".")[:2]) for target in imported} & children - {child}
    return found


def layers(imports: Imports) -> list[list[str]]:
    """The rooms in rows: a room stands below all that import it.

    Raises:
        CycleError: two rooms import each other.
    """
    depth: dict[str, int] = {}
    for room in TopologicalSorter(imports).static_order():
        depth[room] = 1 + max((depth[below] for below in imports[room]), default=-1)
    rows: defaultdict[int, list[str]] = defaultdict(list)
    for room in sorted(imports):
        rows[depth[room]].append(room)
    return [rows[number] for number in sorted(rows, reverse=True)]


def without_circles(imports: Imports) -> Imports:
    """The imports without those that close a circle; a picture in rows has no place for them."""
    kept = {room: set(below) for room, below in imports.items()}
    while True:
        try:
            TopologicalSorter(kept).prepare()
        except CycleError as error:
            circle: list[str] = error.args[1]
            kept[circle[1]].discard(circle[0])
        else:
            return kept


def _direct(imports: Imports) -> list[tuple[str, str]]:
    """The imports that no longer way stands for: the picture stays readable."""
    below: Imports = {}
    for room in TopologicalSorter(imports).static_order():
        below[room] = imports[room].union(*(below[one] for one in imports[room]))
    return [
        (room, one)
        for room in sorted(imports)
        for one in sorted(imports[room])
        if not any(one in below[other] for other in imports[room] - {one})
    ]


def draw(package: str) -> str:
    """The picture of one package as SVG: rooms in rows, each importing only what is below it."""
    imports = without_circles(rooms(package))
    rows = layers(imports)
    places: dict[str, tuple[float, float, float]] = {}
    y = 10.0
    for row in rows:
        for line in _wrapped(row):
            x = (_WIDTH - sum(_size(room) + _GAP for room in line) + _GAP) / 2
            for room in line:
                places[room] = (x, y, _size(room))
                x += _size(room) + _GAP
            y += _BOX + _GAP
        y += _ROW - _BOX - _GAP
    lines = "".join(_line(places[room], places[one]) for room, one in _direct(imports))
    boxes = "".join(_box(room, place, imports[room]) for room, place in places.items())
    height = y - (_ROW - _BOX - _GAP)
    return (
        f'<svg class="architecture" viewBox="0 0 {_WIDTH} {height:.0f}" role="img" '
        f'aria-label="The modules of {package} in {len(rows)} layers; each imports only lower ones">'
        f"{lines}{boxes}</svg>\n"
    )


def _size(room: str) -> float:
    return len(_name(room)) * _LETTER + 22


def _name(room: str) -> str:
    return room.partition(".")[2]


def _wrapped(row: list[str]) -> list[list[str]]:
    lines: list[list[str]] = [[]]
    for room in row:
        taken = sum(_size(one) + _GAP for one in lines[-1])
        if lines[-1] and taken + _size(room) > _WIDTH:
            lines.append([])
        lines[-1].append(room)
    return lines


def _line(upper: tuple[float, float, float], lower: tuple[float, float, float]) -> str:
    x, y = upper[0] + upper[2] / 2, upper[1] + _BOX
    x_below, y_below = lower[0] + lower[2] / 2, lower[1]
    middle = (y + y_below) / 2
    return (
        f'<path d="M{x:.0f} {y:.0f}C{x:.0f} {middle:.0f} {x_below:.0f} {middle:.0f} '
        f'{x_below:.0f} {y_below:.0f}"/>'
    )


def _box(room: str, place: tuple[float, float, float], imports: set[str]) -> str:
    x, y, width = place
    below = ", ".join(sorted(map(_name, imports))) or "nothing of the package"
    return (
        f"<g><title>{escape(_name(room))}: {escape(_purpose(room))} Imports {below}.</title>"
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{_BOX}" rx="4"/>'
        f'<text x="{x + width / 2:.0f}" y="{y + _BOX / 2 + 4.5:.1f}">{_name(room)}</text></g>'
    )


def _purpose(room: str) -> str:
    """The first line of a module's docstring."""
    spec = find_spec(room)
    if spec is None or spec.origin is None:
        return ""
    docstring = ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]


def page() -> str:
    """Both pictures, each with what it leaves out and what its modules are for."""
    parts = []
    for package, title in (("flake8_naq", "flake8-naq"), ("naq", "naq")):
        listed = "\n".join(f"`{_name(room)}`\n:   {_purpose(room)}\n" for room in rooms(package))
        parts.append(f"## {title}\n\n{draw(package)}\n{_left_out(package)}\n{listed}")
    return "\n\n".join(parts)


def _left_out(package: str) -> str:
    """The imports between two packages that have no place in rows."""
    imports = rooms(package)
    kept = without_circles(imports)
    return "".join(
        f"Not drawn: `{_name(room)}` also imports `{_name(one)}`, which imports it. Their modules import"
        " each other in one direction only.\n"
        for room in imports
        for one in sorted(imports[room] - kept[room])
    )
