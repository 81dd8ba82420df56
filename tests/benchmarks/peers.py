"""The same 5,000 no-op jobs through other queues, beside naq.

Run it with ``python tests/benchmarks/peers.py``, after ``pip install --group benchmarks`` and
``apt-get install redis-server`` (Debian's package: arq, celery, dramatiq, rq and saq keep their jobs
in a Redis, which pip does not bring). Queues that are not installed are left out, with a note. With
``--json`` it prints what the site's page shows.

Every queue has a fresh server and one worker process, ten jobs at once (rq's worker runs one), and
is measured end to end: ten clients enqueue while the worker works, until the last result is stored
(or, where none is, until the last job is acknowledged). The figures are medians of the rounds,
which take the queues by turns. The nats-server writes jobs and results to files, as it does by
default; the Redis keeps them in memory and writes nothing, which is its fastest setting.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import time
from contextlib import suppress

from figures import Figures
from peer_queues import QUEUES

LIMIT = 300
"""Seconds after which a queue is given up."""

FOLD = 6
"""How many times the best peer that stores results naq is to reach."""


async def measure(name: str, count: int) -> float:
    """Return jobs a second."""
    queue = QUEUES[name]
    with queue.server() as url:
        worker = await asyncio.create_subprocess_exec(
            *(sys.executable, __file__, "--work", name, "--url", url),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            await asyncio.sleep(3)
            began = time.perf_counter()
            async with asyncio.timeout(LIMIT):
                await queue.enqueue(url, count)
            return count / (time.perf_counter() - began)
        finally:
            with suppress(ProcessLookupError):  # it may have ended by itself
                worker.kill()
            await worker.wait()


async def main(count: int, rounds: int) -> int:
    """Measure, report, judge."""
    rates: dict[str, list[float]] = {}
    for name, queue in QUEUES.items():
        if missing := queue.missing():
            print(f"{name} is left out: no {' and '.join(missing)}", file=sys.stderr)
        else:
            rates[name] = []
    for _ in range(rounds):
        for name, several in rates.items():
            several.append(await measure(name, count))
    medians = {name: statistics.median(several) for name, several in rates.items()}
    figures = Figures()
    figures.chart(f"{count:,} jobs, end to end", "jobs/s", medians)
    peers = [rate for name, rate in medians.items() if QUEUES[name].keeps and name != "naq"]
    if peers:
        fold = medians["naq"] / max(peers)
        figures.goal("naq / the best peer that stores results", fold, FOLD, "at least")
    return figures.report()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print what the site's page shows")
    parser.add_argument("--work", choices=QUEUES, help="be the worker of one queue")
    parser.add_argument("--url")
    options = parser.parse_args()
    if options.work:
        QUEUES[options.work].work(options.url)
    else:
        sys.exit(asyncio.run(main(options.jobs, options.rounds)))
