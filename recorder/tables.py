"""Tables of the record, as Markdown whose cells know their heading: on a phone a row is a card."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from recorder.reference.markdown import cell_text


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: int = 0) -> str:
    """Return a table.

    Args:
        head: the columns' headings, Markdown.
        rows: the cells, Markdown.
        numbers: how many of the last columns hold numbers.
    """
    rules = ["---"] * (len(head) - numbers) + ["--:"] * numbers
    labels = [plain(heading) for heading in head]
    lines = [
        _line(head),
        _line(rules),
        *(_line(map(_labelled, row, labels)) for row in rows),
    ]
    return "\n".join(lines) + "\n"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _labelled(cell: str, label: str) -> str:
    text = cell_text(cell)
    return f'{text} {{ data-label="{label}" }}' if text and label else text


def plain(text: str) -> str:
    """Return a heading without its links and backticks."""
    return re.sub(r"\[(.*?)\]\(.*?\)|`", r"\1", text)
