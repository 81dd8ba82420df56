"""The inventory as Markdown, fit to paste into a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from flake8_naq.report import summary
from flake8_naq.report.connections import Inventory

# Fold a longer table: the text around it stays readable.
_LONG = 30
_HEAD = ("place", "function", "shape", "category", "closed", "operations", "except", "findings")


def text(inventory: Inventory, files: int) -> str:
    """The whole inventory, ending with a newline."""
    return "\n\n".join(_parts(inventory, files)) + "\n"


def _parts(inventory: Inventory, files: int) -> Iterator[str]:
    yield "## NATS connections"
    yield summary.headline(inventory, files)
    if not inventory.connections:
        return
    yield _table(summary.SUMMARY_HEAD, summary.summary(inventory))
    for tier, found in inventory.by_tier():
        yield f"### {summary.title(tier, found)}"
        rows = [_row(summary.Row.of(one)) for one in found]
        table = _table(_HEAD, rows)
        if len(rows) > _LONG:
            yield f"<details><summary>{len(rows)} places</summary>\n\n{table}\n\n</details>"
        else:
            yield table
    if inventory.factories:
        yield "### Functions of the project that open a connection"
        yield "\n".join(
            f"- {_code(factory)}\n" + "\n".join(f"  - {summary.caller(one)}" for one in callers)
            for factory, callers in inventory.factories.items()
        )
    yield f"Categories: {summary.legend()}."


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _row(row: summary.Row) -> tuple[str, ...]:
    place = f"{row.path}:{row.line}"
    rest = (row.category, row.closed, row.operations, row.handles_errors, row.findings)
    return (_code(place), _code(row.function), row.shape, *rest)


def _code(cell: str) -> str:
    return "`" + cell.replace("|", "\\|") + "`"
