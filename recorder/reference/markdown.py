"""Small pieces of Markdown that every made page needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; cells are Markdown already, save for the bars that would end them."""
    lines = [head, ["---"] * len(head), *([cell_text(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"


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
