"""The terminal, by way of rich, which is in the extra ``migrate``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

from flake8_naq.errors import missing_extra

if TYPE_CHECKING:
    from rich.console import Console


Item = TypeVar("Item")

# A run over fewer files ends before a bar is drawn.
_WORTH_A_BAR = 200


def console(command: str) -> Console:
    """A rich console on standard output.

    Raises:
        CommandError: rich is not installed.
    """
    try:
        from rich.console import Console
    except ModuleNotFoundError:
        raise missing_extra(command, "rich") from None
    # Output to a file or a pipe must not wrap at 80 columns.
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 120
    return Console(highlight=False, width=width, emoji=False)


def progress(files: Sequence[str]) -> Iterable[str]:
    """Show the progress of a long run, on a terminal and with rich installed."""
    return files if len(files) < _WORTH_A_BAR else track(files, "Reading", len(files))


def track(items: Iterable[Item], text: str, total: int) -> Iterable[Item]:
    """Show a progress bar over the items, on a terminal and with rich installed."""
    if not sys.stderr.isatty():
        return items
    try:
        from rich.console import Console
        from rich.progress import track
    except ModuleNotFoundError:
        return items
    return track(
        items, text, total=total, console=Console(stderr=True, emoji=False), transient=True
    )
