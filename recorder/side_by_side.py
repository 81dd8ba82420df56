"""Two states of a module beside each other, as HTML: one row a line, with marks inside of it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from html import escape
from itertools import groupby, pairwise, zip_longest
from typing import Literal

from pygments.lexers import PythonLexer
from pygments.token import STANDARD_TYPES, _TokenType

Kind = Literal["equal", "space", "changed"]

ALIKE = 0.5
"""Two lines that share less of their words are another line each: nothing in them is marked."""

SWITCH = '<label class="switch"><input type="checkbox"> Show changes of whitespace</label>\n'


@dataclass(frozen=True)
class Row:
    """One row.

    Args:
        kind: ``space`` where the two lines differ in their indentation alone.
        old: index of the line before, None where it is new.
        new: index of the line after, None where it is gone.
    """

    kind: Kind
    old: int | None
    new: int | None


def table(
    before: str, after: str, headings: tuple[str, str], *, unsafe: Collection[int] = ()
) -> str:
    """Return the table, with one body for each stretch of equal, re-indented or changed lines.

    Args:
        before: Python source.
        after: Python source.
        headings: of the two columns.
        unsafe: numbers of the lines after that came from an unsafe fix.
    """
    old, new = before.splitlines(), after.splitlines()
    rows = _rows(old, new)
    marks = _Marks.of(rows, old, new)
    sides = (
        _Side("before", _highlighted(before, marks.old), ()),
        _Side("after", _highlighted(after, marks.new), unsafe),
    )
    bodies = [
        _body(kind, list(group), sides) for kind, group in groupby(rows, lambda row: row.kind)
    ]
    left, right = headings
    return (
        f'<div class="highlight side-by-side">{SWITCH if _reindents(rows) else ""}'
        '<table class="states">\n'
        '<colgroup><col class="number"><col><col class="number"><col></colgroup>\n'
        f'<thead><tr><th colspan="2" scope="col">{left}</th>'
        f'<th colspan="2" scope="col">{right}</th></tr></thead>\n'
        f"{''.join(bodies)}</table></div>\n"
    )


def _reindents(rows: list[Row]) -> bool:
    return any(row.kind == "space" for row in rows)


def _rows(old: list[str], new: list[str]) -> list[Row]:
    """Align the lines by their text, whatever their indentation."""
    before, after = ([line.strip() for line in lines] for lines in (old, new))
    rows: list[Row] = []
    for tag, *edges in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        start, end, new_start, new_end = edges
        for left, right in zip_longest(range(start, end), range(new_start, new_end)):
            kind: Kind = "changed"
            if tag == "equal":
                kind = "equal" if old[left] == new[right] else "space"
            rows.append(Row(kind, left, right))
    return rows


Ranges = list[tuple[int, int]]


@dataclass(frozen=True)
class _Marks:
    """The ranges of characters to mark, by line."""

    old: dict[int, Ranges]
    new: dict[int, Ranges]

    @classmethod
    def of(cls, rows: list[Row], old: list[str], new: list[str]) -> _Marks:
        """Compare the two lines of each changed row word by word."""
        marks = cls({}, {})
        for row in rows:
            if row.kind == "changed" and row.old is not None and row.new is not None:
                ranges = _differing(old[row.old], new[row.new])
                marks.old[row.old], marks.new[row.new] = ranges
        return marks


def _differing(before: str, after: str) -> tuple[Ranges, Ranges]:
    """The ranges in which two lines differ; none where they have little in common."""
    words = _words(before), _words(after)
    matcher = difflib.SequenceMatcher(None, words[0], words[1], autojunk=False)
    if matcher.ratio() < ALIKE:
        return [], []
    edges = [_edges(line) for line in words]
    ranges: tuple[Ranges, Ranges] = ([], [])
    for tag, start, end, new_start, new_end in matcher.get_opcodes():
        if tag == "equal":
            continue
        for side, first, last in ((0, start, end), (1, new_start, new_end)):
            if first < last and "".join(words[side][first:last]).strip():
                ranges[side].append((edges[side][first], edges[side][last]))
    return ranges


def _words(line: str) -> list[str]:
    return re.findall(r"\w+|\s+|[^\w\s]", line)


def _edges(words: list[str]) -> list[int]:
    edges = [0]
    for word in words:
        edges.append(edges[-1] + len(word))
    return edges


def _highlighted(source: str, marks: dict[int, Ranges]) -> list[str]:
    """The lines as HTML, with the classes of Pygments and the marks."""
    lines = [""]
    column = 0
    for kind, text in PythonLexer(stripnl=False).get_tokens(source):
        for number, part in enumerate(text.split("\n")):
            if number:
                lines.append("")
                column = 0
            pieces = _pieces(part, column, marks.get(len(lines) - 1, []))
            lines[-1] += "".join(_span(kind, piece, marked) for piece, marked in pieces)
            column += len(part)
    return lines


def _pieces(text: str, column: int, ranges: Ranges) -> Iterator[tuple[str, bool]]:
    """A token's text, cut where a mark begins or ends."""
    end = column + len(text)
    cuts = {edge for pair in ranges for edge in pair if column < edge < end}
    edges = sorted({column, end, *cuts})
    for start, stop in pairwise(edges):
        marked = any(first <= start and stop <= last for first, last in ranges)
        yield text[start - column : stop - column], marked


def _span(kind: _TokenType, text: str, marked: bool) -> str:
    name = STANDARD_TYPES.get(kind, "")
    html = f'<span class="{name}">{escape(text)}</span>' if name else escape(text)
    return f"<mark>{html}</mark>" if marked else html


@dataclass(frozen=True)
class _Side:
    """One column.

    Args:
        name: ``before`` or ``after``.
        lines: as HTML.
        unsafe: numbers of the lines that came from an unsafe fix.
    """

    name: str
    lines: list[str]
    unsafe: Collection[int]

    def cells(self, index: int | None) -> str:
        """The cells of one line; empty ones where there is none."""
        if index is None:
            return f'<td class="number {self.name} none"></td><td class="{self.name} none"></td>'
        number = index + 1
        unsafe = ' unsafe" title="by an unsafe fix' if number in self.unsafe else ""
        return (
            f'<td class="number {self.name}">{number}</td>'
            f'<td class="{self.name}{unsafe}"><code>{self.lines[index]}</code></td>'
        )


def _body(kind: Kind, group: list[Row], sides: tuple[_Side, _Side]) -> str:
    old, new = sides
    rows = "\n".join(f"<tr>{old.cells(row.old)}{new.cells(row.new)}</tr>" for row in group)
    name = "" if kind == "equal" else f' class="{kind}"'
    return f"<tbody{name}>\n{rows}\n</tbody>\n"
