"""``naq-migrate inventory``: every connection, by tier, shape and closing habit."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from flake8_naq.flake8_config import Flake8, add_options
from flake8_naq.report import document, listing, markdown, sarif
from flake8_naq.report.connections import Inventory
from flake8_naq.report.console import console, progress
from flake8_naq.report.inspection import Inspection, known_findings

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from rich.console import Console


def add_parser(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the others."""
    parser = subparsers.add_parser(
        "inventory",
        help="list every connection by tier, shape and closing habit",
        description="List every connection by tier, shape and closing habit.",
        epilog="Exit codes: 0, or 2 for wrong usage or unreadable input.",
    )
    parser.add_argument("paths", nargs="*", metavar="PATH", help="files, folders, or - for stdin")
    parser.add_argument(
        "--format",
        choices=("text", "markdown", "html", "json", "sarif", *listing.FORMATS),
        default="text",
        help="the connections as a table for people, as Markdown for a pull request, as one page "
        "of HTML or as JSON; or the findings as SARIF 2.1.0, as annotations for GitHub's log, or "
        "as one JSON object a line",
    )
    add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the inventory; 2 when a file could not be read."""
    screen = console("inventory") if arguments.format == "text" else None
    flake8 = Flake8.configured(arguments)
    inspection = Inspection(flake8, arguments.paths, progress)
    if arguments.format in listing.FORMATS:
        for line in listing.lines(inspection, known_findings(flake8), arguments.format):
            print(line)
    elif arguments.format == "sarif":
        results = sarif.Results(known_findings(flake8), Path.cwd())
        for inspected in inspection:
            results.add(inspected)
        _print_json(results.log())
    else:
        _print(_inventory(inspection), inspection, arguments.format, screen)
    return 2 if inspection.unreadable else 0


def _inventory(inspection: Inspection) -> Inventory:
    inventory = Inventory()
    for inspected in inspection:
        inventory.add(inspected, inspection.flake8)
    inventory.sort()
    return inventory


def _print(
    inventory: Inventory, inspection: Inspection, format_name: str, screen: Console | None
) -> None:
    if screen:
        from flake8_naq.report import table

        table.show(screen, inventory, inspection.files)
    elif format_name == "markdown":
        print(markdown.text(inventory, inspection.files), end="")
    elif format_name == "html":
        from flake8_naq.report import html

        print(html.text(inventory, inspection.files), end="")
    else:
        _print_json(document.document(inventory, inspection.files))


def _print_json(made: object) -> None:
    print(json.dumps(made, indent=2, ensure_ascii=False))
