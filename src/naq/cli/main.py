"""The command ``naq``."""

from __future__ import annotations

from typing import Annotated

import typer

from naq.cli import jobs, lists, run
from naq.cli.dashboard import dashboard
from naq.cli.health import health
from naq.cli.queues import queue
from naq.cli.set_aside import set_aside
from naq.cli.setup import permissions, setup
from naq.cli.waiting import waiting
from naq.cli.worker import worker
from naq.version import __version__

app = typer.Typer(
    name="naq",
    help="A job queue on NATS JetStream.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
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


app.command("worker")(worker)
app.command("scheduler")(run.scheduler)
app.command("server")(run.server)
app.command("setup")(setup)
app.command("permissions")(permissions)
app.command("enqueue")(jobs.enqueue)
jobs.job.command("list")(lists.job_list)
jobs.job.command("show")(lists.job_show)
app.add_typer(jobs.job, name="job")
app.add_typer(queue, name="queue")
app.add_typer(jobs.schedule, name="schedule")
app.add_typer(jobs.failed, name="failed")
app.add_typer(set_aside, name="set-aside")
app.command("waiting")(waiting)
app.command("workers")(run.workers)
app.command("health")(health)
app.add_typer(run.events, name="events")
app.command("dashboard")(dashboard)


def main() -> None:
    """Run the command line."""
    app()
