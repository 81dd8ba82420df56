"""What types cost: jobs of a task beside jobs of a plain function, end to end with results.

Run it with ``python tests/benchmarks/tasks.py``. Ten enqueuers and one worker process; a round runs
both, each on a fresh server, in an order that changes from round to round. The figure is CPU time, of
the enqueuers, the worker and the reading of every tenth result: it is steadier than the rate. Exits with
1 when the goal is missed; with ``--json`` it prints what the site's page shows.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import jobs
import nats
from figures import Figures

import naq
from naq.buckets import ensure_buckets
from naq.server import run_nats_server

ENQUEUERS = 10
READ_EVERY = 10
MOST = 1.05
"""What a typed task may cost, of a plain function."""


async def plain(number: int) -> int:
    """Enqueue a plain function and return its result if it is one to be read."""
    job = await naq.enqueue(jobs.add, number, by=2)
    return 0 if number % READ_EVERY else await naq.fetch_job_result(job)


async def typed(number: int) -> int:
    """Do the same with a task."""
    handle = await jobs.typed_add.enqueue(number, by=2)
    return 0 if number % READ_EVERY else await handle.result()


KINDS: dict[str, Callable[[int], Awaitable[int]]] = {"plain function": plain, "task": typed}
_TICK = os.sysconf("SC_CLK_TCK")


def cpu_of(pid: int) -> float:
    """Return the seconds of CPU that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


async def measure(
    one: Callable[[int], Awaitable[int]], count: int, kind_of_worker: str = "naq"
) -> float:
    """Return the microseconds of CPU of one job."""
    with run_nats_server() as server:
        naq.configure(naq.Config(servers=(server.url,)))
        await ensure_buckets(server.url)
        with jobs.worker(kind_of_worker, server.url) as worker:
            await one(0)  # all is imported and connected
            before = cpu_of(worker.pid) + time.process_time()

            async def enqueue(start: int) -> None:
                for number in range(start, count + 1, ENQUEUERS):
                    await one(number)

            await asyncio.gather(*map(enqueue, range(1, ENQUEUERS + 1)))
            async with await nats.connect(server.url) as nc:
                js = nc.jetstream()
                while (await js.stream_info("KV_job_results")).state.messages <= count:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            cpu = cpu_of(worker.pid) + time.process_time() - before
        await naq.close_all_connections()
    return cpu / count * 1e6


async def main() -> int:
    """Measure, report, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--json", action="store_true", help="print what the site's page shows")
    options = parser.parse_args()
    costs: dict[str, list[float]] = {name: [] for name in KINDS}
    for round_ in range(options.rounds):
        for name in list(KINDS)[:: 1 if round_ % 2 else -1]:
            costs[name].append(await measure(KINDS[name], options.jobs))
    figures = Figures()
    medians = {name: statistics.median(each) for name, each in costs.items()}
    figures.chart("CPU time of a job, end to end with its result", "µs", medians)
    ratios = [task / plain for plain, task in zip(*costs.values(), strict=True)]
    figures.goal("task / plain function, CPU time", statistics.median(ratios), MOST)
    return figures.report()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
