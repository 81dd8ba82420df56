"""The rate of one worker on a long queue: 1,000,000 jobs waiting beside 10,000.

Run it with ``python tests/benchmarks/backlog.py``. Both queues are on servers of their own. A round lets a
worker complete the same number of jobs of each, in turn, results stored; the short queue is filled
again in between. The figures are medians of the rounds. Exits with 1 when the goal is missed; with
``--json`` it prints what the site's page shows.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time

import jobs
import nats
from figures import Figures

import naq
from naq.buckets import ensure_buckets
from naq.names import Names
from naq.server import run_nats_server

SHORT = 10_000
WARM_UP = 500
"""Jobs of a round that are not measured."""
LEAST = 0.95
"""What the rate on the long queue is to be, of that on the short one."""

NAMES = Names()


async def fill(url: str, count: int) -> None:
    """Fill the queue up to so many jobs."""
    missing = count - await naq.Queue(config=url).size()
    await naq.enqueue_many((naq.Job(jobs.noop) for _ in range(missing)), config=url)


async def measure(url: str) -> float:
    """Return the jobs a second of a worker."""
    async with await nats.connect(url) as nc:
        js = nc.jetstream()
        bucket = f"KV_{NAMES.job_results}"
        before = (await js.stream_info(bucket)).state.messages

        async def until(count: int) -> tuple[float, int]:
            while True:
                done = (await js.stream_info(bucket)).state.messages - before
                if done >= count:
                    return time.perf_counter(), done
                await asyncio.sleep(0.01)

        with jobs.worker("naq", url):
            began, first = await until(WARM_UP)
            ended, last = await until(SHORT - WARM_UP)
        return (last - first) / (ended - began)


async def main(long: int, rounds: int) -> int:
    """Measure, report, judge."""
    lengths = {"10,000 queued": SHORT, f"{long:,} queued": long}
    rates: dict[str, list[float]] = {name: [] for name in lengths}
    with run_nats_server() as short_server, run_nats_server() as long_server:
        urls = dict(zip(lengths, (short_server.url, long_server.url), strict=True))
        for url in urls.values():
            await ensure_buckets(url)
        for _ in range(rounds):
            for name, url in urls.items():
                await fill(url, lengths[name])
                rates[name].append(await measure(url))
        await naq.close_all_connections()
    medians = {name: statistics.median(several) for name, several in rates.items()}
    figures = Figures()
    figures.chart("One worker", "jobs/s", medians)
    few, many = medians.values()
    figures.goal("rate on the long queue / on the short one", many / few, LEAST, "at least")
    return figures.report()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print what the site's page shows")
    options = parser.parse_args()
    sys.exit(asyncio.run(main(options.long, options.rounds)))
