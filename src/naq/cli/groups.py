"""Groups of commands."""

from __future__ import annotations

import typer


def group(summary: str) -> typer.Typer:
    """Return a group of commands.

    Its help is plain: drawing it with rich takes three times as long as all the rest.

    Args:
        summary: the first sentence of its help.
    """
    return typer.Typer(
        help=summary, no_args_is_help=True, add_completion=False, rich_markup_mode=None
    )
