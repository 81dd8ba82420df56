"""Small pieces of Markdown that every made page needs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: int = 0) -> str:
    """A table whose cells know their heading: on a phone each row is shown as a card.

    Args:
        head: the columns' headings, Markdown.
        rows: the cells, Markdown, save for the bars that would end them.
        numbers: how many of the last columns hold numbers.
    """
    rules = ["---"] * (len(head) - numbers) + ["--:"] * numbers
    labels = [_plain(heading) for heading in head]
    lines = [head, rules, *(map(_labelled, row, labels) for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def _labelled(cell: str, label: str) -> str:
    text = cell_text(cell)
    return f'{text} {{ data-label="{label}" }}' if text and label else text


def _plain(text: str) -> str:
    """A heading without its links and backticks."""
    return re.sub(r"\[(.*?)\]\(.*?\)|`", r"\1", text)


def cell_text(text: str) -> str:
    """Text as a table's cell can hold it. A bar within backticks ends no cell, and needs no mark."""
    parts = text.replace("\n", " ").split("`")
    return "`".join(
        part if number % 2 else part.replace("|", "\\|") for number, part in enumerate(parts)
    )


def fence(language: str, text: str, *, title: str = "", marked: Iterable[int] = ()) -> str:
    """A block of code, with a title and marked lines where there are any; `text` wraps."""
    options = " .wrap" if language == "text" else ""
    if title:
        options += f' title="{title}"'
    if lines := " ".join(map(str, marked)):
        options += f' hl_lines="{lines}"'
    return f"``` {{.{language}{options}}}\n{text.rstrip()}\n```\n"


def tabs(contents: Iterable[tuple[str, str]]) -> str:
    """Tabs of one set, each a title and its Markdown."""
    return "".join(f'=== "{title}"\n\n{indent(content)}\n\n' for title, content in contents)


def indent(text: str) -> str:
    """Markdown moved into a tab or an admonition."""
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())
