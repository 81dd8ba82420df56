"""From enqueue to start, on an idle worker in a process of its own; milliseconds.

Run it with ``python tests/benchmarks/queue/latency.py``.
"""

from __future__ import annotations

import asyncio
import statistics
import time

import jobs

import naq
from naq.buckets import ensure_buckets
from naq.server import run_nats_server

JOBS = 300
PAUSE = 0.02


async def main(url: str) -> None:
    """Measure and print."""
    await ensure_buckets(url)
    delays = []
    with jobs.worker("naq", url):
        for number in range(JOBS):
            job = await naq.enqueue(jobs.started_after, time.time(), config=url)
            delay = await naq.fetch_job_result(job, timeout=10, config=url)
            if number >= 20:  # the worker has started, and warmed up
                delays.append(1000 * delay)
            await asyncio.sleep(PAUSE)
    await naq.close_all_connections()
    ranks = statistics.quantiles(delays, n=100)
    print(
        f"enqueue to start, ms: median {ranks[49]:.2f}, 95 % {ranks[94]:.2f}, 99 % {ranks[98]:.2f}"
    )


if __name__ == "__main__":
    with run_nats_server() as server:
        asyncio.run(main(server.url))
