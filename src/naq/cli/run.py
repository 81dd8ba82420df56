"""``naq worker``, ``naq scheduler``, ``naq server``, ``naq workers``, ``naq events``."""

from __future__ import annotations

import asyncio
import dataclasses
import importlib.util
import logging
import os
import re
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from naq.buckets import ensure_buckets
from naq.cli.output import (
    REFUSED,
    AsJson,
    Url,
    ago,
    as_json,
    command,
    config_of,
    console,
    fail,
    log,
    say,
    shown,
    table,
)
from naq.events import EventManager
from naq.models.event import Event
from naq.names import DEFAULT_QUEUE
from naq.scheduling.scheduler import Scheduler
from naq.server import NatsServer, ServerNotFoundError, ServerStartError, run_nats_server
from naq.streams import ACK_WAIT
from naq.worker.core import MAX_CRASHES, Worker
from naq.worker.status import WorkerInfo, WorkerStatusManager

MAX_SPAN = 100 * 365 * 86400.0
"""Seconds: what lies further back than that is before the first event anyway."""

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}

Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")]
JsonLog = Annotated[bool, typer.Option("--json", help="Log JSON, one object a line.")]
Port = typer.Option("--port", "-p", min=0, max=65535, help="Port; 0 for a free one.")


def _bytes(text: str | None) -> int | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d+)\s*([kmg]?)i?b?", text.strip().lower())
    if match is None:
        raise typer.BadParameter("a number of bytes, such as 512m or 2g")
    return int(match[1]) * _UNITS[match[2]]


def worker(
    modules: Annotated[
        list[str] | None,
        typer.Argument(
            show_default=False,
            help="Run only these modules' functions, or this module:function; no pickle.",
        ),
    ] = None,
    queues: Annotated[
        list[str] | None,
        typer.Option("--queue", "-q", show_default=False, help="Take jobs from this queue."),
    ] = None,
    concurrency: Annotated[
        int, typer.Option("--concurrency", "-c", min=1, help="How many jobs run at once.")
    ] = 10,
    worker_id: Annotated[str | None, typer.Option("--id", help="The worker's name.")] = None,
    burst: Annotated[bool, typer.Option("--burst", help="Stop when the queues are empty.")] = False,
    prefetch: Annotated[
        int | None, typer.Option(min=0, help="Jobs that wait in the worker. By default as needed.")
    ] = None,
    ack_wait: Annotated[
        float, typer.Option(help="Seconds of silence after which its jobs go to another worker.")
    ] = ACK_WAIT,
    shutdown_timeout: Annotated[
        float, typer.Option(help="Seconds that running jobs have on shutdown.")
    ] = 30.0,
    block_limit: Annotated[
        float,
        typer.Option(
            min=0,
            help="Seconds that a job may hold the event loop; after three times that the worker "
            "ends. 0 is no limit.",
        ),
    ] = 10.0,
    memory_limit: Annotated[
        str | None, typer.Option(help="Memory of an isolated job, such as 512m.")
    ] = None,
    max_crashes: Annotated[
        int,
        typer.Option(min=1, help="Workers that may die running a job alone, before it fails."),
    ] = MAX_CRASHES,
    serializers: Annotated[
        list[str] | None,
        typer.Option("--serializer", help="Read only jobs written by it, such as json."),
    ] = None,
    events: Annotated[bool, typer.Option(help="Publish events.")] = True,
    url: Url = None,
    verbose: Verbose = False,
    json_: JsonLog = False,
) -> None:
    """Run jobs until SIGTERM or SIGINT; a second signal does not wait for those that run.

    With modules, such as app.tasks, a worker imports them, runs their functions, reads no pickle,
    and fails all other jobs. Without them it runs whatever it is sent: everybody who can write to
    the server can run any code here.
    """
    log(verbose=verbose, json_=json_)
    if not sys.flags.safe_path and "" not in sys.path:
        # As `python -m` does: the jobs' modules are those of the folder that one stands in.
        sys.path.insert(0, str(Path.cwd()))

    @command
    async def run() -> None:
        for module in modules or ():
            _refuse_unknown(module)
        made = Worker(
            queues or DEFAULT_QUEUE,
            config_of(url),
            concurrency=concurrency,
            worker_id=worker_id,
            prefetch=prefetch,
            ack_wait=ack_wait,
            shutdown_timeout=shutdown_timeout,
            block_limit=block_limit,
            exit_when_blocked=True,
            memory_limit=_bytes(memory_limit),
            max_crashes=max_crashes,
            serializers=serializers,
            allow=modules or None,
            events=events,
            burst=burst,
        )
        await made.run()
        logging.getLogger("naq").info("%d completed, %d failed", made.completed, made.failed)
        _leave_stuck_jobs(made)

    run()


def _refuse_unknown(module: str) -> None:
    """Refuse what is no module: the name of a queue, perhaps."""
    try:
        found = importlib.util.find_spec(module.partition(":")[0])
    except (ModuleNotFoundError, ValueError):
        found = None
    except Exception:  # noqa: BLE001 - a package that it stands in raises: the import names it
        return
    if found is None:
        fail(f"cannot import {module}: there is no such module (--queue names a queue)")


def _leave_stuck_jobs(made: Worker) -> None:
    """End the process although a job still runs that has timed out, or was given back."""
    if made.abandoned_jobs:
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def scheduler(url: Url = None, verbose: Verbose = False, json_: JsonLog = False) -> None:
    """Enqueue scheduled jobs when they are due, until SIGTERM or SIGINT.

    Several may run: one of them leads, and the others take over when it is gone.
    """
    log(verbose=verbose, json_=json_)

    @command
    async def run() -> None:
        made = Scheduler(config_of(url))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, made.stop)
        logging.getLogger("naq").info("scheduler %s stands by", made.scheduler_id)
        await made.run()

    run()


def server(
    port: Annotated[int, Port] = 4222,
    store: Annotated[
        Path | None, typer.Option(help="Folder of the store. By default it is temporary.")
    ] = None,
    json_: AsJson = False,
) -> None:
    """Run a NATS server for development, on the loopback interface, until SIGTERM or SIGINT."""
    # A shell without job control has what it starts with `&` ignore SIGINT.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupt)
    try:
        if store is None:
            with run_nats_server(port=port, tied=True) as running:
                _serve(running, json_)
        else:
            store.mkdir(parents=True, exist_ok=True)
            kept = NatsServer(store, port=port, tied=True)
            kept.start()
            try:
                _serve(kept, json_)
            finally:
                kept.stop()
    except (ServerNotFoundError, ServerStartError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename or store}: {error.strerror}")
    except KeyboardInterrupt:
        return


def _interrupt(*_: object) -> None:
    """End the server: in order, which a further signal does not disturb."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _serve(running: NatsServer, json_: bool) -> None:
    if json_:
        as_json({"url": running.url, "pid": running.pid, "store": str(running.directory)})
    else:
        say(f"NATS server at {running.url}, log in {running.log}. Ctrl-C ends it.")
    # Short sleeps: a signal that comes right before one long wait would not end it.
    while running.is_running:
        time.sleep(0.1)
    fail(f"the server has ended; see {running.log}")


@command
async def workers(
    stale_after: Annotated[
        float | None, typer.Option(help="Seconds of silence after which one is presumed dead.")
    ] = None,
    url: Url = None,
    json_: AsJson = False,
) -> None:
    """List the workers; the exit code is 1 if all of them are stale."""
    config = config_of(url)
    await ensure_buckets(config, (config.names.worker_status, config.names.worker_details))
    listed = await WorkerStatusManager(config).list_workers(stale_after=stale_after)
    if json_:
        as_json([dataclasses.asdict(each) for each in listed])
        _fail_unless_alive(listed)
        return
    table(
        ("worker", "status", "queues", "concurrency", "host", "last seen"),
        (
            (
                each.worker_id,
                "stale" if each.stale else each.status.value,
                ", ".join(each.details.get("queues", ())),
                each.details.get("concurrency"),
                each.details.get("host"),
                ago(each.last_seen),
            )
            for each in listed
        ),
        empty="there are no workers",
    )
    _fail_unless_alive(listed)


def _fail_unless_alive(listed: list[WorkerInfo]) -> None:
    if listed and all(each.stale for each in listed):
        raise typer.Exit(REFUSED)


events = typer.Typer(no_args_is_help=True, help="Events: watch, history, stats.")

Pattern = Annotated[str, typer.Argument(help="Types, with NATS's wildcards: job.* or job.failed.")]
Span = Annotated[float, typer.Option("--since", min=1e-6, help="Seconds into the past.")]


@events.command("watch")
@command
async def events_watch(pattern: Pattern = ">", url: Url = None, json_: AsJson = False) -> None:
    """Print events as they come, until Ctrl-C."""
    log(verbose=False, json_=json_)  # of a connection that is lost, and back
    async for event in EventManager(config_of(url)).watch(pattern):
        _show(event, json_)


@events.command("history")
@command
async def events_history(
    pattern: Pattern = ">",
    since: Span = 3600.0,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=0, help="How many of the latest.")
    ] = 100,
    url: Url = None,
    json_: AsJson = False,
) -> None:
    """Print past events, the oldest first."""
    start = datetime.now(UTC) - timedelta(seconds=min(since, MAX_SPAN))
    for event in await EventManager(config_of(url)).history(pattern, since=start, limit=limit):
        _show(event, json_)


@events.command("stats")
@command
async def events_stats(since: Span = 3600.0, url: Url = None, json_: AsJson = False) -> None:
    """Count events by their type, and jobs by their queue."""
    stats = await EventManager(config_of(url)).stats(since)
    if json_:
        as_json({**dataclasses.asdict(stats), "rate": stats.rate})
        return
    table(("event", "count"), stats.counts.items(), empty="nothing has happened")
    if stats.queues:
        console.print()
        table(
            ("queue", "completed", "failed"),
            (
                (name, counts.get("completed", 0), counts.get("failed", 0))
                for name, counts in stats.queues.items()
            ),
        )


def _show(event: Event, json_: bool) -> None:
    if json_:
        as_json(dataclasses.asdict(event))
        return
    moment = datetime.fromtimestamp(event.time).astimezone()
    details = " ".join(f"{name}={shown(name, value)}" for name, value in event.data.items())
    say(f"{moment.isoformat(' ', 'milliseconds')} {event.type} {details}")
