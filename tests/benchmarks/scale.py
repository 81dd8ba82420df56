"""Counts, first pages and single jobs, with many jobs on the server and with a hundred of each.

Run it with ``python tests/benchmarks/scale.py``; it exits with 1 when a goal is missed. With
``--json`` it prints what the site's page shows.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress

import jobs
from figures import Figures
from starlette.types import ASGIApp, Message, Scope

import naq
from naq.buckets import ensure_buckets
from naq.connection import nats_connection
from naq.dashboard.app import create_app
from naq.failed import FailedJobs
from naq.models import JobFailure, Outcome
from naq.models.failed import FailedJob
from naq.models.finished import COMPLETED, FAILED, finished
from naq.names import Names, kv_subject
from naq.pipeline import PublishPipeline
from naq.queue.sizes import queue_size, queue_sizes
from naq.server import run_nats_server

FEW = 100
REPEATS = 9
WINDOW = 1000
AT_MOST = 3
"""Times as long with many jobs as with a few."""
FREE = 20
"""Milliseconds up to which a reading counts as quick, whatever it takes with a few jobs."""

NAMES = Names()
Reading = Callable[[], Awaitable[object]]


async def publish(url: str, messages: Iterable[tuple[str, bytes]]) -> None:
    """Store the messages in their streams."""
    async with nats_connection(url) as conn, PublishPipeline(conn) as pipeline:
        under_way: list[asyncio.Future[bool]] = []
        for subject, data in messages:
            under_way.append(await pipeline.publish(subject, data))
            if len(under_way) == WINDOW:
                await asyncio.gather(*under_way)
                under_way = []
        await asyncio.gather(*under_way)


def ended_jobs(first: int, last: int) -> Iterable[tuple[str, bytes]]:
    """Yield what stores jobs that have ended: for each that has succeeded one that has failed."""
    failure = JobFailure("builtins:ValueError", "no", "Traceback ...", failed_at=time.time())
    for number in range(first, last):
        job = naq.Job(jobs.noop, job_id=f"done-{number}")
        yield _outcome(job, Outcome(None), COMPLETED)
        job = naq.Job(jobs.noop, job_id=f"failed-{number}")
        yield kv_subject(NAMES.failed_jobs, job.job_id), FailedJob(job, failure).serialize()
        yield _outcome(job, Outcome(failure=failure), FAILED)


def _outcome(job: naq.Job, outcome: Outcome, status: bytes) -> tuple[str, bytes]:
    now = time.time_ns()
    data = finished(
        outcome.serialize(),
        job,
        status,
        ended=now,
        attempts=1,
        enqueued=now,
        started=now,
        room=1 << 20,
    )
    return kv_subject(NAMES.job_results, job.job_id), data


async def fill(url: str, ended: tuple[int, int], queued: tuple[int, int]) -> None:
    """Add jobs: as many that have failed as have succeeded, and some that wait."""
    await publish(url, ended_jobs(*ended))
    await enqueue(url, "default", *queued)


async def enqueue(url: str, queue: str, first: int, last: int) -> None:
    """Put jobs into a queue."""
    waiting = (naq.Job(jobs.noop, job_id=f"queued-{n}", queue=queue) for n in range(first, last))
    await naq.enqueue_many(waiting, config=url)


async def get(app: ASGIApp, path: str, query: bytes = b"") -> None:
    """Make a request to an ASGI application."""
    scope: Scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "root_path": "",
        "query_string": query,
        "headers": [(b"host", b"localhost")],
        "server": ("localhost", 80),
        "scheme": "http",
    }
    status = 0

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        status = message.get("status", status)

    await app(scope, receive, send)
    if status != 200:
        raise RuntimeError(f"{path}: status {status}")


def readings(url: str, page: ASGIApp) -> dict[str, Reading]:
    """Return what is measured, by its name."""
    all_failed = FailedJobs(url)
    results = naq.Results(url)
    return {
        "size of a queue": lambda: queue_size("default", url),
        "number of failed jobs": all_failed.count,
        "latest 20 failed jobs": lambda: all_failed.list(limit=20),
        "a failed job": lambda: all_failed.get("failed-7"),
        "a queued job": lambda: naq.get_job("queued-7", url),
        "a finished job": lambda: naq.get_job("done-7", url),
        "an unknown job": lambda: naq.get_job("unknown", url),
        "a result": lambda: results.get_result("done-7"),
        "50 latest jobs": lambda: naq.list_jobs(url),
        "50 latest queued jobs": lambda: naq.list_jobs(url, states=["queued"]),
        "50 latest failed jobs": lambda: naq.list_jobs(url, states=["failed"]),
        "a job with its history": lambda: naq.job_details("done-7", url),
        "the dashboard: overview": lambda: get(page, "/api/overview"),
        "the dashboard: jobs": lambda: get(page, "/api/jobs"),
        "the dashboard: a job": lambda: get(page, "/api/job", b"id=failed-7"),
        "the dashboard: last hour": lambda: get(page, "/api/chart"),
        "sizes of all queues": lambda: queue_sizes(url),
    }


def scans(url: str) -> dict[str, Reading]:
    """Return what the server has to count by the jobs."""
    return {
        "size of that queue": lambda: queue_size("unserved", url),
        "sizes of all queues": lambda: queue_sizes(url),
    }


async def milliseconds(readings: dict[str, Reading]) -> dict[str, float]:
    """Return the median of each reading."""
    taken = {}
    for name, read in readings.items():
        times = []
        for _ in range(REPEATS):
            began = time.perf_counter()
            await read()
            times.append(1000 * (time.perf_counter() - began))
        taken[name] = statistics.median(times)
    return taken


async def serve_once(url: str) -> None:
    """Have a worker make its consumer, without taking a job."""
    worker = naq.Worker("default", url, concurrency=1)
    running = asyncio.create_task(worker.run())
    await asyncio.sleep(0.5)
    worker.stop()
    with suppress(asyncio.CancelledError):
        await running


async def measure(url: str, ended: int, queued: int) -> dict[str, dict[str, float]]:
    """Return the medians with a few jobs and with many."""
    await ensure_buckets(url)
    await serve_once(url)
    await fill(url, (0, FEW), (0, FEW))
    few = await milliseconds(readings(url, create_app(url)))
    await fill(url, (FEW, ended), (FEW, queued))
    many = await milliseconds(readings(url, create_app(url)))
    await enqueue(url, "unserved", queued, queued + queued // 10)
    scanned = await milliseconds(scans(url))
    await naq.close_all_connections()
    return {
        f"{FEW} of each": few,
        f"{ended:,} ended each way, {queued:,} queued": many,
        f"{queued // 10:,} more in a queue that never had a worker": scanned,
    }


def main() -> int:
    """Measure, report, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ended", type=int, default=100_000, help="jobs that ended, each way")
    parser.add_argument("--queued", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true", help="print what the site's page shows")
    options = parser.parse_args()
    with run_nats_server() as server:
        taken = asyncio.run(measure(server.url, options.ended, options.queued))
    figures = Figures()
    few, many, _ = taken.values()
    for title, values in taken.items():
        figures.chart(f"With {title}", "ms", values)
    for name in few:
        ratio = many[name] / max(few[name], FREE / AT_MOST)
        figures.goal(f"{name}: times as long with many as with {FEW}", ratio, AT_MOST)
    return figures.report()


if __name__ == "__main__":
    sys.exit(main())
