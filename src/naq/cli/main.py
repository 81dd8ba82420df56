"""The command ``naq``."""

from __future__ import annotations

from typing import Annotated

import typer

from naq.cli.commands import Commands
from naq.version import __version__

# Plain help: drawing it with rich takes three times as long as all the rest.
app = typer.Typer(
    name="naq",
    cls=Commands,
    help="A job queue on NATS JetStream.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"naq {__version__}")
        raise typer.Exit


@app.callback()
def _naq(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """A job queue on NATS JetStream."""


def main() -> None:
    """Run the command line."""
    app()
