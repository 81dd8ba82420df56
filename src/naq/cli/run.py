"""``naq scheduler``, ``naq server``, ``naq workers``, ``naq events``."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from naq.buckets import ensure_buckets
from naq.cli.groups import group
from naq.cli.modules import find_modules_here, import_module
from naq.cli.output import (
    REFUSED,
    AsJson,
    JsonLog,
    Url,
    Verbose,
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
from naq.cli.telemetry import tracing
from naq.events import EventManager
from naq.models.event import Event
from naq.scheduling.scheduler import Scheduler
from naq.server import NatsServer, ServerNotFoundError, ServerStartError, run_nats_server
from naq.worker.status import WorkerInfo, WorkerStatusManager

MAX_SPAN = 100 * 365 * 86400.0
"""Seconds: what lies further back than that is before the first event anyway."""

Port = typer.Option("--port", "-p", min=0, max=65535, help="Port; 0 for a free one.")


def scheduler(
    modules: Annotated[
        list[str] | None,
        typer.Argument(show_default=False, help="Import these modules, for what they register."),
    ] = None,
    otel: Annotated[
        bool,
        typer.Option("--otel", help="Trace and count by OpenTelemetry; needs the extra otel."),
    ] = False,
    url: Url = None,
    verbose: Verbose = False,
    json_: JsonLog = False,
) -> None:
    """Enqueue scheduled jobs when they are due, until SIGTERM or SIGINT.

    Several may run: one of them leads, and the others take over when it is gone.
    """
    log(verbose=verbose, json_=json_)
    find_modules_here()

    @command
    async def run() -> None:
        for module in modules or ():
            import_module(module)
        tracing(otel)
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


events = group("Events: watch, history, stats.")

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
