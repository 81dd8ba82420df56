"""Resident memory of a worker, and of the process that enqueues, over 200,000 jobs.

Run it with ``python tests/benchmarks/memory.py``. Growth is what the second half of the jobs
adds: buffers find their size in the first. Exits with 1 when it is too much. With ``--json`` it
prints what the site's page shows.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

import jobs
import nats
import throughput
from figures import Figures

import naq
from naq.buckets import ensure_buckets
from naq.server import run_nats_server

PARTS = 10
GROWTH = 1
"""MiB that memory may have grown by."""


def resident(pid: int) -> float:
    """Return the resident memory of a process in MiB (proc(5), statm)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


async def measure(url: str, count: int) -> dict[int, tuple[float, float]]:
    """Return the memory of worker and enqueuer by the number of jobs done."""
    share = count // PARTS
    memory = {}
    await ensure_buckets(url)
    async with await nats.connect(url) as nc:
        with jobs.worker("naq", url) as worker:
            for done in range(share, count + 1, share):
                await naq.enqueue_many((naq.Job(jobs.noop) for _ in range(share)), config=url)
                await throughput.until_stored(nc.jetstream(), "KV_job_results", done)
                memory[done] = resident(worker.pid), resident(os.getpid())
    await naq.close_all_connections()
    return memory


def main() -> int:
    """Measure, report, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=200_000)
    parser.add_argument("--json", action="store_true", help="print what the site's page shows")
    options = parser.parse_args()
    with run_nats_server() as server:
        memory = asyncio.run(measure(server.url, options.jobs))
    figures = Figures()
    for number, who in enumerate(("the worker", "the process that enqueues")):
        taken = {f"{done:,} jobs": both[number] for done, both in memory.items()}
        figures.chart(f"Resident memory of {who}", "MiB", taken)
        values = list(taken.values())
        growth = values[-1] - values[PARTS // 2 - 1]
        figures.goal(f"growth of {who} over the second half, MiB", growth, GROWTH)
    return figures.report()


if __name__ == "__main__":
    sys.exit(main())
