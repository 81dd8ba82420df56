"""``naq queue``."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from naq.cli.groups import group
from naq.cli.output import AsJson, Url, as_json, command, config_of, say, table
from naq.config import Config
from naq.exceptions import JobError
from naq.models.checks import check_queue_name
from naq.plural import counted
from naq.queue import pausing
from naq.queue.core import Queue
from naq.queue.overview import list_queues
from naq.queue.sizes import queue_size

queue = group("Queues: list, pause, resume, purge.")

Name = Annotated[str, typer.Argument(help="Name of the queue.")]


@queue.command("list")
@command
async def queue_list(url: Url = None, json_: AsJson = False) -> None:
    """List the queues: how many jobs they hold, how many workers have in hand, whether paused."""
    listed = await list_queues(config_of(url))
    if json_:
        as_json([dataclasses.asdict(each) for each in listed])
        return
    table(
        ("queue", "jobs", "in hand", ""),
        ((e.name, e.jobs, e.in_hand, "paused" if e.paused else "") for e in listed),
        empty="there are no queues",
    )


@queue.command("pause")
@command
async def queue_pause(name: Name, url: Url = None, json_: AsJson = False) -> None:
    """Let a queue give no jobs until it is resumed. Jobs in hand are finished."""
    config = config_of(url)
    await _refuse_unknown(name, config)
    await pausing.pause_queue(name, config)
    as_json({"queue": name, "paused": True}) if json_ else say("paused")


@queue.command("resume")
@command
async def queue_resume(name: Name, url: Url = None, json_: AsJson = False) -> None:
    """Let a paused queue give jobs again."""
    config = config_of(url)
    await _refuse_unknown(name, config)
    await pausing.resume_queue(name, config)
    as_json({"queue": name, "paused": False}) if json_ else say("resumed")


@queue.command("purge")
@command
async def queue_purge(name: Name, url: Url = None, json_: AsJson = False) -> None:
    """Remove every job from a queue."""
    count = await Queue(name, config_of(url)).purge()
    as_json({"queue": name, "purged": count}) if json_ else say(f"{counted(count, 'job')} removed")


async def _refuse_unknown(name: str, config: Config) -> None:
    """Refuse a queue without a job that never had a worker: its name is most likely misspelt."""
    check_queue_name(name)
    if name in {each.name for each in await list_queues(config)}:
        return
    if not await queue_size(name, config):  # the list may lack one that has had no worker
        raise JobError(
            f"nothing is known of a queue {name!r}: it has no job, and had no worker yet"
        )
