"""The commands of ``naq``, each imported when it is used: the help of all needs none of them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import typer
from typer.core import TyperGroup
from typer.main import get_command

from naq.cli.groups import group


class Place(NamedTuple):
    """The place of a command.

    Args:
        target: its function or its group of commands, as ``module:name``.
        summary: the first sentence of its help.
    """

    target: str
    summary: str


PLACES: Final = {
    "worker": Place(
        "worker:worker",
        "Run jobs until SIGTERM or SIGINT; a second signal does not wait for those that run.",
    ),
    "scheduler": Place(
        "run:scheduler", "Enqueue scheduled jobs when they are due, until SIGTERM or SIGINT."
    ),
    "server": Place(
        "run:server",
        "Run a NATS server for development, on the loopback interface, until SIGTERM or SIGINT.",
    ),
    "setup": Place(
        "setup:setup",
        "Create the streams and buckets, and raise settings that are lower than configured.",
    ),
    "permissions": Place(
        "setup:permissions",
        "Print the permissions of a role, for the configuration of a nats-server.",
    ),
    "enqueue": Place("jobs:enqueue", "Put a job into a queue."),
    "job": Place("lists:job", "Jobs: list, show, status, result, cancel."),
    "queue": Place("queues:queue", "Queues: list, pause, resume, purge."),
    "schedule": Place("jobs:schedule", "Scheduled jobs: list, add, run, pause, resume, cancel."),
    "failed": Place("jobs:failed", "Failed jobs: list, show, requeue, purge."),
    "set-aside": Place(
        "set_aside:set_aside", "Messages that no worker could read: list, show, put back, delete."
    ),
    "waiting": Place("waiting:waiting", "List the jobs that wait for others, the oldest first."),
    "workers": Place(
        "run:workers", "List the workers; the exit code is 1 if all of them are stale."
    ),
    "health": Place(
        "health:health",
        "Check the server, its streams, and that a worker is alive; the exit code is 1 or 3 if not.",
    ),
    "events": Place("run:events", "Events: watch, history, stats."),
    "dashboard": Place(
        "dashboard:dashboard",
        "Show jobs, queues, schedules and workers in a browser, and control them there.",
    ),
}


class _Commands(Mapping[str, Any]):
    """The commands by their names."""

    def __getitem__(self, name: str) -> Any:
        module, _, attribute = PLACES[name].target.partition(":")
        found = getattr(importlib.import_module(f"naq.cli.{module}"), attribute)
        if isinstance(found, typer.Typer):
            command = get_command(found)
            command.name = name
            return command
        single = group("")
        single.command(name)(found)
        return get_command(single)

    def __iter__(self) -> Iterator[str]:
        return iter(PLACES)

    def __len__(self) -> int:
        return len(PLACES)


class Commands(TyperGroup):
    """The group of all commands."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{**settings, "commands": {}})
        self.commands = _Commands()  # type: ignore[assignment] # nothing is added to it

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands, in the order of the help."""
        return list(PLACES)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands and their summaries into the help."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.summary) for name, place in PLACES.items()])
