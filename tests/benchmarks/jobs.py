"""The job that the benchmarks enqueue, and the worker processes that run it."""

from __future__ import annotations

import asyncio
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import nats
from nats.js.api import AckPolicy, ConsumerConfig

import naq
from naq.worker import Worker

CONCURRENCY = 10


async def noop() -> None:
    """Do nothing."""


async def started_after(enqueued_at: float) -> float:
    """Return the seconds since then."""
    return time.time() - enqueued_at


async def add(number: int, *, by: int = 1) -> int:
    """Return a sum."""
    return number + by


@naq.task
async def typed_add(number: int, *, by: int = 1) -> int:
    """Return a sum."""
    return number + by


KNOWN = {"jobs:noop": noop}


async def naq_worker(url: str) -> None:
    """Run naq's worker, with everything that is on by default."""

    await Worker("default", url, concurrency=CONCURRENCY).run()


async def bare_worker(url: str) -> None:
    """Do by hand, on nats-py, what naq promises: pull, result in a bucket, then the ack."""
    async with await nats.connect(url) as nc:
        js = nc.jetstream()
        results = await js.key_value("results")
        consumer = await js.pull_subscribe(
            "bare.>",
            "worker",
            stream="bare",
            config=ConsumerConfig(ack_policy=AckPolicy.EXPLICIT, max_ack_pending=10_000),
        )
        ready: asyncio.Queue[nats.aio.msg.Msg] = asyncio.Queue()

        async def work() -> None:
            while True:
                msg = await ready.get()
                call = pickle.loads(msg.data)
                value = await KNOWN[call["function"]](*call["args"], **call["kwargs"])
                await results.put(call["id"], pickle.dumps(value))
                await msg.ack()
                ready.task_done()

        workers = [asyncio.create_task(work()) for _ in range(CONCURRENCY)]
        while workers:
            try:
                for msg in await consumer.fetch(100, timeout=1):
                    ready.put_nowait(msg)
            except (nats.errors.TimeoutError, TimeoutError):
                continue
            await ready.join()


@contextmanager
def worker(kind: str, url: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker process."""
    command = [sys.executable, __file__, kind, url]
    process = subprocess.Popen(command)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    asyncio.run({"naq": naq_worker, "bare": bare_worker}[sys.argv[1]](sys.argv[2]))
