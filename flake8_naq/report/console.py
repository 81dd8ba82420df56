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

# Below this the run is over before a bar has been drawn.
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
    # What goes into a file or a pipe is not squeezed into the 80 columns of a missing terminal.
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 120
    return Console(highlight=False, width=width)


def progress(files: Sequence[str]) -> Iterable[str]:
    """Show how far a long run is, where somebody is looking and rich is installed."""
    return files if len(files) < _WORTH_A_BAR else track(files, "Reading", len(files))


def track(items: Iterable[Item], text: str, total: int) -> Iterable[Item]:
    """Show a bar while the items are gone over, where somebody is looking and rich is installed."""
    if not sys.stderr.isatty():
        return items
    try:
        from rich.console import Console
        from rich.progress import track
    except ModuleNotFoundError:
        return items
    return track(items, text, total=total, console=Console(stderr=True), transient=True)
