"""From enqueue to start, on an idle worker in a process of its own; milliseconds.

Run it with ``python tests/benchmarks/latency.py``; it exits with 1 when
the goal is missed. With ``--json`` it prints what the site's page shows.
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
GOAL = 2
"""Milliseconds that the median may have."""


async def measure(url: str) -> list[float]:
    """Return the milliseconds of each job."""
    await ensure_buckets(url)
    delays = []
    with jobs.worker("naq", url):
        for _ in range(WARM_UP + JOBS):
            job = await naq.enqueue(jobs.started_after, time.time(), config=url)
            delays.append(1000 * await naq.fetch_job_result(job, timeout=10, config=url))
            await asyncio.sleep(PAUSE)
    await naq.close_all_connections()
    return delays[WARM_UP:]


def main() -> int:
    """Measure, report, judge."""
    with run_nats_server() as server:
        ranks = statistics.quantiles(asyncio.run(measure(server.url)), n=100)
    figures = Figures()
    figures.chart(
        f"{JOBS} jobs, one after the other",
        "ms",
        {"median": ranks[49], "of 95 % of the jobs": ranks[94], "of 99 %": ranks[98]},
    )
    figures.goal("median from enqueue to start, ms", ranks[49], GOAL)
    return figures.report()


if __name__ == "__main__":
    sys.exit(main())
