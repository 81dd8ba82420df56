"""5,000 no-op jobs, one worker process, results stored: naq beside bare nats-py.

Run it with ``python tests/benchmarks/queue/throughput.py``. Each round runs both on fresh servers,
one after the other; the figures are medians of the rounds. *drain* is a worker that finds all jobs
there; *end to end* is enqueue, one by one, while the worker works.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import pickle
import statistics
import time
import uuid
from collections.abc import Awaitable, Callable

import jobs
import nats
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


async def prepare_bare(url: str) -> None:
    """Make what is made once."""
    async with await nats.connect(url) as nc:
        js = nc.jetstream()
        await js.add_stream(name="bare", subjects=["bare.>"], retention=RetentionPolicy.WORK_QUEUE)
        await js.create_key_value(bucket="results", direct=True)


async def enqueue_bare(url: str, count: int) -> None:
    """Publish calls one by one, each written anew and with an id of its own, as a queue has to."""
    async with await nats.connect(url) as nc:
        js = nc.jetstream()
        for _ in range(count):
            job_id = uuid.uuid4().hex
            payload = pickle.dumps(
                {"id": job_id, "function": "jobs:noop", "args": (), "kwargs": {}}
            )
            await js.publish(f"bare.{job_id}", payload, headers={"Nats-Msg-Id": job_id})


KINDS: dict[str, tuple[Prepare, Enqueue, str]] = {
    "bare nats-py": (prepare_bare, enqueue_bare, "KV_results"),
    "naq": (prepare_naq, enqueue_naq, "KV_job_results"),
}


async def until_stored(js: JetStreamContext, stream: str, count: int) -> None:
    """Wait until the bucket of results holds so many."""
    while (await js.stream_info(stream)).state.messages < count:  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def measure(kind: str, count: int) -> tuple[float, float, float]:
    """Return jobs a second: enqueue, drain, end to end."""
    prepare, enqueue, results = KINDS[kind]
    short = kind.split()[0]
    rates = []
    with run_nats_server() as server:
        await prepare(server.url)
        async with await nats.connect(server.url) as nc:
            js = nc.jetstream()
            began = time.perf_counter()
            await enqueue(server.url, count)
            rates.append(count / (time.perf_counter() - began))
            with jobs.worker(short, server.url):
                await until_stored(js, results, 1)
                began, done = time.perf_counter(), (await js.stream_info(results)).state.messages
                await until_stored(js, results, count)
                rates.append((count - done) / (time.perf_counter() - began))
        await naq.close_all_connections()
    with run_nats_server() as server:
        await prepare(server.url)
        async with await nats.connect(server.url) as nc:
            js = nc.jetstream()
            with jobs.worker(short, server.url):
                await asyncio.sleep(1)
                began = time.perf_counter()
                await enqueue(server.url, count)
                await until_stored(js, results, count)
                rates.append(count / (time.perf_counter() - began))
        await naq.close_all_connections()
    return rates[0], rates[1], rates[2]


STEPS = ("enqueue", "drain", "end to end")
GOAL = 0.9
"""What naq is to reach of bare nats-py, end to end."""


def as_json(medians: dict[str, list[float]]) -> str:
    """The results as the site's page takes them."""
    rows = [
        {"name": f"{step}, {kind}", "value": rates[number]}
        for number, step in enumerate(STEPS)
        for kind, rates in medians.items()
    ]
    ratio = medians["naq"][2] / medians["bare nats-py"][2]
    goal = {"name": "naq / bare nats-py, end to end", "value": ratio}
    goals = [{**goal, "limit": GOAL, "sense": "at least"}]
    return json.dumps({"unit": "jobs/s", "rows": rows, "goals": goals})


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print what the site's page shows")
    options = parser.parse_args()
    rounds: dict[str, list[tuple[float, float, float]]] = {kind: [] for kind in KINDS}
    for _ in range(options.rounds):
        for kind in KINDS:
            rounds[kind].append(await measure(kind, options.jobs))
    medians = {
        kind: [statistics.median(r) for r in zip(*rs, strict=True)] for kind, rs in rounds.items()
    }
    if options.json:
        print(as_json(medians))
        return
    print(f"{'jobs/s':<14}{'enqueue':>10}{'drain':>10}{'end to end':>12}")
    for kind, (enqueue, drain, whole) in medians.items():
        print(f"{kind:<14}{enqueue:>10.0f}{drain:>10.0f}{whole:>12.0f}")
    ratios = [
        mine / bare for mine, bare in zip(medians["naq"], medians["bare nats-py"], strict=True)
    ]
    print(f"{'naq / bare':<14}{ratios[0]:>10.2f}{ratios[1]:>10.2f}{ratios[2]:>12.2f}")


if __name__ == "__main__":
    asyncio.run(main())
