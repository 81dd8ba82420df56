"""The command lines that hold the command line before, fixed and now together."""

from __future__ import annotations

import asyncio
import importlib
import io
import json
import os
import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, cast

import cloudpickle
import typer

from naq.config import Config
from naq.models import Job, Schedule
from naq.streams import job_stream
from recorder.phases import ROOT, load
from recorder.variants import Variant

if TYPE_CHECKING:
    from nats.js import JetStreamContext

    from recorder.variants import Journal

BUCKETS = ["job_results", "scheduled_jobs"]
STREAMS = ["naq_jobs"]


async def prepare(js: JetStreamContext) -> None:
    """Put jobs on two queues, a result and a schedule into their buckets."""
    await js.add_stream(job_stream(Config()))
    for queue, job_id in (("default", "a"), ("default", "b"), ("mail", "c")):
        job = Job("builtins:len", (job_id,), job_id=job_id, queue=queue, created_at=0.0)
        await js.publish(f"naq.jobs.{queue}.{job_id}", job.serialize())
    results = await js.create_key_value(bucket="job_results")
    await results.put("done", cloudpickle.dumps([1, 2, 3]))
    schedules = await js.create_key_value(bucket="scheduled_jobs")
    await schedules.put("nightly", Schedule(job_id="nightly", cron="0 3 * * *").serialize())


async def play(variant: Variant, url: str, journal: Journal) -> None:
    """Look at what is stored, remove it, and ask for what is not there."""
    for line in (
        "queue list",
        "queue purge default",
        "queue purge default",
        "queue list",
        "job result done",
        "job result unknown",
        "schedule cancel nightly",
        "schedule cancel nightly",
        "queue purge",
    ):
        words = [*line.split(), "--json", "--url", url]
        await journal.call(f"naq {line} --json", _run(variant, words))


async def _run(variant: Variant, words: list[str]) -> dict[str, object]:
    """Run a command line in a process of its own; what it says of an error is its own affair."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        __file__,
        variant.state,
        *words,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await process.communicate()
    shown = json.loads(output or b"null")
    if isinstance(shown, list):  # today's list of queues shows more of each
        shown = {queue["name"]: queue["jobs"] for queue in shown}
    return {"exit code": process.returncode, "output": shown}


async def play_unprepared(variant: Variant, url: str, journal: Journal) -> None:
    """The same on a server where naq never was."""
    words = ["job", "result", "unknown", "--json", "--url", url]
    await journal.call("naq job result unknown --json, on a new server", _run(variant, words))


async def repeat(variant: Variant, url: str, calls: int) -> None:
    """One command's work, again and again, in one process: what the phase is timed on."""
    commands = variant.load("cli.jobs")
    with redirect_stdout(io.StringIO()):
        for _ in range(calls):
            await asyncio.to_thread(commands.job_result, "done", url=url, json_=True)


def command_line(variant: Variant) -> typer.Typer:
    """The commands of the module, as ``naq`` puts them together."""
    if variant.state == "now":
        return cast("typer.Typer", importlib.import_module("naq.cli.main").app)
    commands = variant.load("cli.jobs")
    app = typer.Typer()
    for name in ("job", "queue", "schedule"):
        app.add_typer(getattr(commands, name), name=name)
    return app


if __name__ == "__main__":
    state, *arguments = sys.argv[1:]
    command_line(Variant(load("cli"), state))(arguments, prog_name="naq")
