"""The inventory as one page that asks no other host for anything."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from importlib import resources
from string import Template

from flake8_naq.report import summary
from flake8_naq.report.connections import CLOSINGS, TIERS, Connection, Inventory

_HEAD = ("place", "function", "shape", "category", "closed", "operations", "except", "findings")
_NUMBERS = {
    *("by hand", "owned", "managed", "change", "operations"),
    *TIERS.values(),
    *CLOSINGS.values(),
}


def text(inventory: Inventory, files: int) -> str:
    """The whole page."""
    return page(
        "NATS connections",
        summary.headline(inventory, files),
        "\n".join(_body(inventory)),
        f"Categories: {summary.legend()}.",
    )


def page(title: str, headline: str, body: str, footer: str) -> str:
    """A page of any report.

    Args:
        title: Its title, as text.
        headline: One sentence below the title, as text.
        body: HTML.
        footer: One sentence, as text.
    """
    template = resources.files("flake8_naq.report").joinpath("page.html").read_text("utf-8")
    return Template(template).substitute(
        title=escape(title), headline=escape(headline), body=body, footer=escape(footer)
    )


def _body(inventory: Inventory) -> Iterator[str]:
    if not inventory.connections:
        return
    rows = [
        f'<tr><th scope="row">{name}</th>'
        + "".join(_cell(count, "number") for count in counts)
        + "</tr>"
        for name, *counts in summary.summary(inventory)
    ]
    yield table("Connections by priority and by how they are closed", summary.SUMMARY_HEAD, rows)
    yield from _form(inventory)
    for tier, found in inventory.by_tier():
        title = summary.title(tier, found)
        yield f"<section>\n<h2>{escape(title)}</h2>"
        yield table(title, _HEAD, [_row(one) for one in found])
        yield "</section>"


def _form(inventory: Inventory) -> Iterator[str]:
    """The filter; it is of no use, and hidden, where no script runs."""
    rows = [summary.Row.of(one) for one in inventory.connections]
    yield '<form hidden>\n<label>Filter <input type="search" name="words" placeholder="path, function, code"></label>'
    for label, choices in (
        ("Shape", sorted({row.shape for row in rows})),
        ("Closed", [words for words in CLOSINGS.values() if any(r.closed == words for r in rows)]),
    ):
        options = "".join(f"<option>{escape(choice)}</option>" for choice in choices)
        yield (
            f'<label>{label} <select name="{label.lower()}"><option value="">any</option>'
            f"{options}</select></label>"
        )
    yield "<output></output>\n</form>"


def table(caption: str, head: Sequence[str], rows: Iterable[str]) -> str:
    """A table from its rows as HTML; a click on a heading sorts it."""
    cells = "".join(
        f'<th scope="col"{_class("number" if name in _NUMBERS else "")}>{escape(name)}</th>'
        for name in head
    )
    label = escape(caption)
    return (
        f'<div class="scroll" role="region" aria-label="{label}" tabindex="0">\n'
        f"<table>\n<thead><tr>{cells}</tr></thead>\n<tbody>\n"
        + "\n".join(rows)
        + "\n</tbody>\n</table>\n</div>"
    )


def _row(one: Connection) -> str:
    row = summary.Row.of(one)
    findings = "".join(
        f"<li><code>{escape(found.code)}</code> {_message(found.message)}</li>"
        for found in one.findings
    )
    cells = (
        _cell(_path(f"{row.path}:{row.line}")),
        _cell(_code(row.function)),
        _cell(escape(row.shape)),
        _cell(row.category),
        _cell(escape(row.closed), one.closing),
        _cell(row.operations, "number"),
        _cell(row.handles_errors),
        _cell(f"<ul>{findings}</ul>" if findings else ""),
    )
    return (
        f'<tr data-shape="{escape(row.shape)}" data-closed="{escape(row.closed)}">'
        f"{''.join(cells)}</tr>"
    )


def _message(text: str) -> str:
    """A message, with what stands in backticks as code."""
    return re.sub("`([^`]*)`", r"<code>\1</code>", escape(text))


def _cell(content: str, kind: str = "") -> str:
    return f"<td{_class(kind)}>{content}</td>"


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""


def _path(path: str) -> str:
    """A path that breaks behind its slashes alone."""
    return f'<code class="path">{escape(path).replace("/", "/<wbr>")}</code>'


def _code(content: str) -> str:
    return f"<code>{escape(content)}</code>"
