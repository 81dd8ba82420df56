"""From enqueue to start, on a worker in a process of its own: idle, and under half load; milliseconds.

Half load is half of the jobs a second that the worker drains from a full queue, just before. Run it with
``python tests/benchmarks/latency.py``; it exits with 1 when a goal is missed. With ``--json`` it prints what the site's page shows.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time

import jobs
from figures import Figures

import naq
from naq.buckets import ensure_buckets
from naq.server import run_nats_server

JOBS = 300
WARM_UP = 20
PAUSE = 0.02
FULL = 10_000
"""Jobs in the queue from which the worker's rate is taken."""
STEP = 0.002
"""Seconds between two steps of the load."""
GOAL = 2
"""Milliseconds that the median may have."""
LOADED = 1.5
"""What the median may be under half load, of that of an idle worker."""


async def probe(url: str) -> list[float]:
    """Return the milliseconds of each job."""
    delays = []
    for _ in range(WARM_UP + JOBS):
        job = await naq.enqueue(jobs.started_after, time.time(), config=url)
        delays.append(1000 * await naq.fetch_job_result(job, timeout=10, config=url))
        await asyncio.sleep(PAUSE)
    return delays[WARM_UP:]


async def drain_rate(url: str) -> float:
    """Return the jobs a second that a worker takes from a full queue."""
    queue = naq.Queue(config=url)
    await naq.enqueue_many((naq.Job(jobs.noop) for _ in range(FULL)), config=url)
    await until_left(queue, FULL - FULL // 10)
    began = time.perf_counter()
    await until_left(queue, FULL // 10)
    ended = time.perf_counter()
    await until_left(queue, 0)
    return 0.8 * FULL / (ended - began)


async def until_left(queue: naq.Queue, count: int) -> None:
    """Wait until the queue holds so many jobs at most."""
    while await queue.size() > count:  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def load(url: str, rate: float) -> None:
    """Enqueue so many jobs a second, evenly, until cancelled."""
    began, enqueued = time.perf_counter(), 0
    while True:
        due = int((time.perf_counter() - began) * rate) - enqueued
        await naq.enqueue_many((naq.Job(jobs.noop) for _ in range(due)), config=url)
        enqueued += due
        await asyncio.sleep(STEP)


async def measure(url: str) -> tuple[list[float], list[float]]:
    """Return the milliseconds of each job, idle and under half load."""
    await ensure_buckets(url)
    with jobs.worker("naq", url):
        idle = await probe(url)
        rate = await drain_rate(url) / 2
        with jobs.load(__file__, url, rate):
            await asyncio.sleep(1)
            loaded = await probe(url)
    await naq.close_all_connections()
    return idle, loaded


def main() -> int:
    """Measure, report, judge."""
    with run_nats_server() as server:
        idle, loaded = (
            statistics.quantiles(delays, n=100) for delays in asyncio.run(measure(server.url))
        )
    figures = Figures()
    for title, ranks in {"an idle worker": idle, "half load": loaded}.items():
        figures.chart(
            f"{JOBS} jobs, one after the other, {title}",
            "ms",
            {"median": ranks[49], "of 95 % of the jobs": ranks[94], "of 99 %": ranks[98]},
        )
    figures.goal("median from enqueue to start, ms", idle[49], GOAL)
    figures.goal("median under half load / idle", loaded[49] / idle[49], LOADED)
    return figures.report()


if __name__ == "__main__":
    if "--load" in sys.argv:
        asyncio.run(load(sys.argv[2], float(sys.argv[3])))
    else:
        sys.exit(main())
