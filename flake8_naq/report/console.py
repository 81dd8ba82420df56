"""The terminal, by way of rich, which is in the extra ``migrate``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from flake8_naq.errors import missing_extra

if TYPE_CHECKING:
    from rich.console import Console


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
    if len(files) < _WORTH_A_BAR or not sys.stderr.isatty():
        return files
    try:
        from rich.console import Console
        from rich.progress import track
    except ModuleNotFoundError:
        return files
    return track(files, "Reading", console=Console(stderr=True), transient=True)
