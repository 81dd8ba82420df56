"""Two states of a module beside each other, as HTML: one row a line, changed lines marked."""

from __future__ import annotations

import difflib
from itertools import zip_longest

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

Line = tuple[int, str]


def table(before: str, after: str, headings: tuple[str, str]) -> str:
    """Return the table, with one body for each stretch of equal or of changed lines.

    Args:
        before: Python source.
        after: Python source.
        headings: what the two columns are called.
    """
    old, new = _highlighted(before), _highlighted(after)
    matcher = difflib.SequenceMatcher(None, before.splitlines(), after.splitlines(), autojunk=False)
    bodies = [
        _body(tag != "equal", old[start:end], new[new_start:new_end])
        for tag, start, end, new_start, new_end in matcher.get_opcodes()
    ]
    left, right = headings
    return (
        '<div class="highlight side-by-side"><table class="states">\n'
        '<colgroup><col class="number"><col><col class="number"><col></colgroup>\n'
        f'<thead><tr><th colspan="2" scope="col">{left}</th>'
        f'<th colspan="2" scope="col">{right}</th></tr></thead>\n'
        f"{''.join(bodies)}</table></div>\n"
    )


def _highlighted(source: str) -> list[Line]:
    html = highlight(source, PythonLexer(stripnl=False), HtmlFormatter(nowrap=True))
    return list(enumerate(html.splitlines(), 1))


def _body(changed: bool, old: list[Line], new: list[Line]) -> str:
    rows = "\n".join(
        f"<tr>{_cells(left, 'before')}{_cells(right, 'after')}</tr>"
        for left, right in zip_longest(old, new)
    )
    kind = ' class="changed"' if changed else ""
    return f"<tbody{kind}>\n{rows}\n</tbody>\n"


def _cells(line: Line | None, side: str) -> str:
    if line is None:
        return f'<td class="number {side} none"></td><td class="{side} none"></td>'
    number, html = line
    return f'<td class="number {side}">{number}</td><td class="{side}"><code>{html}</code></td>'
