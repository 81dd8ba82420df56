"""5,000 no-op jobs, one worker process, results stored: naq beside bare nats-py.

Run it with ``python tests/benchmarks/throughput.py``. Each round runs both on fresh servers,
one after the other; the figures are medians of the rounds. *drain* is a worker that finds all jobs
there; *end to end* is enqueue, one by one, while the worker works; *enqueue many* is together,
without a worker. Exits with 1 when a goal is missed; with ``--json`` it prints what the site's page
shows.
"""

from __future__ import annotations

import argparse
import asyncio
import pickle
import statistics
import sys
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import jobs
import nats
from figures import Figures
from nats.js import JetStreamContext
from nats.js.api import RetentionPolicy

import naq
from naq.buckets import ensure_buckets
from naq.server import run_nats_server

Prepare = Callable[[str], Awaitable[None]]
Enqueue = Callable[[str, int], Awaitable[None]]


async def prepare_naq(url: str) -> None:
    """Make what is made once."""
    await ensure_buckets(url)
    await naq.enqueue(jobs.noop, config=url, queue="other")


async def enqueue_naq(url: str, count: int) -> None:
    """Enqueue one by one."""
    for _ in range(count):
        await naq.enqueue(jobs.noop, config=url)


async def enqueue_many_naq(url: str, count: int) -> None:
    """Enqueue together."""
    await naq.enqueue_many((naq.Job(jobs.noop) for _ in range(count)), config=url)


async def prepare_bare(url: str) -> None:
    """Make what is made once."""
    async with await nats.connect(url) as nc:
        js = nc.jetstream()
        await js.add_stream(name="bare", subjects=["bare.>"], retention=RetentionPolicy.WORK_QUEUE)
        await js.create_key_value(bucket="results", direct=True)


def bare_message() -> tuple[str, bytes, dict[str, str]]:
    """A fresh call with its own id, as a queue writes it: the argument of `publish`."""
    job_id = uuid.uuid4().hex
    payload = pickle.dumps({"id": job_id, "function": "jobs:noop", "args": (), "kwargs": {}})
    return f"bare.{job_id}", payload, {"Nats-Msg-Id": job_id}


async def enqueue_bare(url: str, count: int) -> None:
    """Publish calls one by one."""
    async with await nats.connect(url) as nc:
        js = nc.jetstream()
        for _ in range(count):
            subject, payload, headers = bare_message()
            await js.publish(subject, payload, headers=headers)


async def enqueue_many_bare(url: str, count: int) -> None:
    """Publish calls, a thousand under way at a time."""
    async with await nats.connect(url) as nc:
        js = nc.jetstream()
        for start in range(0, count, 1000):
            futures = []
            for _ in range(start, min(start + 1000, count)):
                subject, payload, headers = bare_message()
                futures.append(await js.publish_async(subject, payload, headers=headers))
            await asyncio.gather(*futures)


@dataclass(frozen=True)
class Kind:
    """What is measured.

    Args:
        worker: the name of its worker.
        prepare: makes what is made once.
        enqueue: enqueues so many jobs one by one.
        enqueue_many: enqueues so many jobs together.
        results: the stream of its results.
    """

    worker: str
    prepare: Prepare
    enqueue: Enqueue
    enqueue_many: Enqueue
    results: str


KINDS = {
    "bare nats-py": Kind("bare", prepare_bare, enqueue_bare, enqueue_many_bare, "KV_results"),
    "naq": Kind("naq", prepare_naq, enqueue_naq, enqueue_many_naq, "KV_job_results"),
}
STEPS = ("Enqueue one by one", "Drain", "End to end", "Enqueue many")
SHARE = 1.2
"""What naq is to reach of bare nats-py, end to end."""

MANY = 15_000
"""Jobs a second that naq is to enqueue together."""


async def until_stored(js: JetStreamContext, stream: str, count: int) -> None:
    """Wait until the bucket of results holds so many."""
    while (await js.stream_info(stream)).state.messages < count:  # noqa: ASYNC110
        await asyncio.sleep(0.01)


@asynccontextmanager
async def fresh(kind: Kind) -> AsyncGenerator[tuple[str, JetStreamContext]]:
    """Run a server with what the kind needs, and yield its URL and a client to look on."""
    with run_nats_server() as server:
        await kind.prepare(server.url)
        async with await nats.connect(server.url) as nc:
            yield server.url, nc.jetstream()
        await naq.close_all_connections()


async def measure(kind: Kind, count: int) -> list[float]:
    """Return the jobs a second of each step."""
    rates = []
    async with fresh(kind) as (url, js):
        began = time.perf_counter()
        await kind.enqueue(url, count)
        rates.append(count / (time.perf_counter() - began))
        with jobs.worker(kind.worker, url):
            await until_stored(js, kind.results, 1)
            began, done = time.perf_counter(), (await js.stream_info(kind.results)).state.messages
            await until_stored(js, kind.results, count)
            rates.append((count - done) / (time.perf_counter() - began))
    async with fresh(kind) as (url, js):
        with jobs.worker(kind.worker, url):
            await asyncio.sleep(1)
            began = time.perf_counter()
            await kind.enqueue(url, count)
            await until_stored(js, kind.results, count)
            rates.append(count / (time.perf_counter() - began))
    async with fresh(kind) as (url, js):
        began = time.perf_counter()
        await kind.enqueue_many(url, count)
        rates.append(count / (time.perf_counter() - began))
    return rates


async def main() -> int:
    """Measure, report, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print what the site's page shows")
    options = parser.parse_args()
    rounds: dict[str, list[list[float]]] = {name: [] for name in KINDS}
    for _ in range(options.rounds):
        for name, kind in KINDS.items():
            rounds[name].append(await measure(kind, options.jobs))
    medians = {
        name: [statistics.median(rates) for rates in zip(*several, strict=True)]
        for name, several in rounds.items()
    }
    figures = Figures()
    for number, step in enumerate(STEPS):
        rates = {name: several[number] for name, several in medians.items()}
        figures.chart(step, "jobs/s", rates)
    bare, mine = medians.values()
    figures.goal("naq / bare nats-py, end to end", mine[2] / bare[2], SHARE, "at least")
    figures.goal("naq, enqueued together, jobs/s", mine[3], MANY, "at least")
    return figures.report()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
