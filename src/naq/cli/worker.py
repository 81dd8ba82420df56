"""``naq worker``."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from naq.cli.output import JsonLog, Url, Verbose
from naq.cli.processes import supervise
from naq.cli.work import WorkOrder, work
from naq.streams import ACK_WAIT
from naq.worker.core import MAX_CRASHES
from naq.worker.order import QueueOrder

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def _bytes(text: str | None) -> int | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d+)\s*([kmg]?)i?b?", text.strip().lower())
    if match is None:
        raise typer.BadParameter("a number of bytes, such as 512m or 2g")
    return int(match[1]) * _UNITS[match[2]]


def with_weights(queues: list[str] | None) -> list[str] | dict[str, int] | None:
    """Return the queues as they are, or with their weights if one of them has one."""
    parsed = [re.fullmatch(r"(.+):(\d+)", queue, re.DOTALL) for queue in queues or ()]
    if queues is None or not any(parsed):
        return queues
    return {
        match[1] if match else queue: int(match[2]) if match else 1
        for queue, match in zip(queues, parsed, strict=True)
    }


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
        typer.Option(
            "--queue",
            "-q",
            show_default=False,
            help="Take jobs from this queue; name:3 has weight 3.",
        ),
    ] = None,
    order: Annotated[
        QueueOrder | None,
        typer.Option(
            show_default=False,
            help="Serve several queues in turns, in the strict order of -q, or by their weights.",
        ),
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
    max_memory: Annotated[
        str | None,
        typer.Option(
            help="Memory of the worker, such as 2g; with more it gives its jobs back and ends."
        ),
    ] = None,
    max_crashes: Annotated[
        int,
        typer.Option(min=1, help="Workers that may die running a job alone, before it fails."),
    ] = MAX_CRASHES,
    serializers: Annotated[
        list[str] | None,
        typer.Option("--serializer", help="Read only jobs written by it, such as json."),
    ] = None,
    processes: Annotated[
        int, typer.Option(min=1, help="Worker processes; one that ends is replaced.")
    ] = 1,
    lifespan: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:NAME", help="An async context manager around all jobs of the worker."
        ),
    ] = None,
    middleware: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODULE:NAME",
            show_default=False,
            help="An async function around each attempt; the first is the outermost.",
        ),
    ] = None,
    health_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Answer /healthz and /readyz on this port, and /metrics with the extra prometheus.",
        ),
    ] = None,
    health_host: Annotated[
        str | None, typer.Option(help="Address of the health port. By default all.")
    ] = None,
    otel: Annotated[
        bool,
        typer.Option("--otel", help="Trace and measure by OpenTelemetry; needs the extra otel."),
    ] = False,
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
    work_order = WorkOrder(
        {
            "queues": with_weights(queues),
            "order": order,
            "concurrency": concurrency,
            "worker_id": worker_id,
            "prefetch": prefetch,
            "ack_wait": ack_wait,
            "shutdown_timeout": shutdown_timeout,
            "block_limit": block_limit,
            "memory_limit": _bytes(memory_limit),
            "max_memory": _bytes(max_memory),
            "max_crashes": max_crashes,
            "serializers": serializers,
            "health_port": health_port,
            "health_host": health_host,
            "events": events,
            "burst": burst,
        },
        tuple(modules or ()),
        lifespan,
        tuple(middleware or ()),
        otel,
        health_port is not None,
        url,
        verbose,
        json_,
    )
    if processes > 1:
        supervise(work_order, processes)
    else:
        work(work_order)
