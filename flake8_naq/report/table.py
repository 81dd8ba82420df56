"""The inventory for people, on a terminal. Only imported when rich is there."""

from __future__ import annotations

from itertools import groupby

from rich.console import Console
from rich.table import Table
from rich.text import Text

from flake8_naq.report import summary
from flake8_naq.report.connections import Connection, Inventory

_WIDEST_FUNCTION = 44
# What the other columns take, and the space between them.
_BESIDE_FUNCTION = 63


def show(console: Console, inventory: Inventory, files: int) -> None:
    """Print the inventory: an overview, then a block a file, the most urgent tier first."""
    if inventory.connections:
        console.print(_overview(inventory))
    for tier, found in inventory.by_tier():
        console.print(f"\n[bold]{summary.title(tier, found)}[/]")
        room = max(console.width - _BESIDE_FUNCTION, 8)
        width = min(max(len(one.function) for one in found), _WIDEST_FUNCTION, room)
        for path, connections in groupby(found, key=lambda one: one.path):
            console.print(Text(path, "cyan"), soft_wrap=True)
            console.print(_block(list(connections), width))
    if inventory.factories:
        console.print("\n[bold]Functions of the project that open a connection[/]")
    for factory, callers in inventory.factories.items():
        console.print(Text(factory, "cyan"), soft_wrap=True)
        for one in callers:
            console.print(Text(f"    {summary.caller(one)}"), soft_wrap=True)
    if inventory.connections:
        console.print(f"\n{summary.legend()}.", markup=False, style="dim")
    console.print(summary.headline(inventory, files), markup=False, soft_wrap=True)


def _overview(inventory: Inventory) -> Table:
    table = Table(title="NATS connections, and how they are closed", title_justify="left")
    for number, heading in enumerate(summary.SUMMARY_HEAD):
        table.add_column(heading, justify="right" if number else "left")
    for row in summary.summary(inventory):
        table.add_row(*row)
    return table


def _block(connections: list[Connection], function_width: int) -> Table:
    """The connections of one file, in columns that stand below those of the file before."""
    # With padding at the edge, too: without it rich cuts a last cell that is a little too wide.
    grid = Table.grid(padding=(0, 2, 0, 0), pad_edge=True)
    grid.add_column(justify="right", min_width=6)
    grid.add_column(min_width=function_width, overflow="fold")
    for width in (22, 1, 18):
        grid.add_column(min_width=width, no_wrap=True)
    grid.add_column(min_width=6)
    for one in connections:
        row = summary.Row.of(one)
        cells = (row.line, row.function, row.shape, row.category, row.closed, row.findings)
        grid.add_row(*(Text(cell) for cell in cells))
    return grid
