"""The same 5,000 no-op jobs through arq, saq and rq, results stored, beside naq.

Needs ``redis-server`` (Debian) and ``pip install arq saq rq``. Run it with
``python tests/benchmarks/queue/peers.py``. Every queue has one worker process, ten jobs at once
(rq's worker runs one), and is measured end to end: enqueued one by one while the worker works.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import arq
import jobs
import redis
import redis.asyncio
import rq
import rq.registry
import saq
import throughput
from arq.connections import RedisSettings


async def noop(_context: Any) -> None:
    """Do nothing."""


def rq_noop() -> None:
    """Do nothing."""


@contextmanager
def redis_server() -> Iterator[int]:
    """Run a Redis that keeps everything in memory, and yield its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--save", "", "--appendonly", "no"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        while True:
            try:
                redis.Redis(port=port).ping()
                break
            except redis.ConnectionError:
                time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait()


def work(kind: str, port: int) -> None:
    """Run one queue's worker."""
    if kind == "arq":
        arq.run_worker(
            type(
                "Settings",
                (),
                {
                    "functions": [noop],
                    "redis_settings": RedisSettings(port=port),
                    "max_jobs": jobs.CONCURRENCY,
                    "poll_delay": 0.01,
                },
            )
        )
    elif kind == "saq":
        queue = saq.Queue.from_url(f"redis://127.0.0.1:{port}")
        worker = saq.Worker(queue, functions=[("noop", noop)], concurrency=jobs.CONCURRENCY)
        asyncio.run(worker.start())
    else:
        connection = redis.Redis(port=port)
        rq.SimpleWorker([rq.Queue(connection=connection)], connection=connection).work(
            logging_level="ERROR"
        )


async def arq_jobs(port: int, count: int) -> None:
    """Enqueue, and wait until all results are stored."""
    pool = await arq.create_pool(RedisSettings(port=port))
    for _ in range(count):
        await pool.enqueue_job("noop")
    await _until(lambda: _keys(port, "arq:result:*"), count)
    await pool.aclose()


async def saq_jobs(port: int, count: int) -> None:
    """Enqueue, and wait until nothing is left."""
    queue = saq.Queue.from_url(f"redis://127.0.0.1:{port}")
    await queue.connect()
    for _ in range(count):
        await queue.enqueue("noop", ttl=600)
    while await queue.count("incomplete"):  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    await queue.disconnect()


async def rq_jobs(port: int, count: int) -> None:
    """Enqueue, and wait until all results are stored."""
    queue = rq.Queue(connection=redis.Redis(port=port))

    def enqueue() -> None:
        for _ in range(count):
            queue.enqueue("peers.rq_noop")

    await asyncio.to_thread(enqueue)
    finished = rq.registry.FinishedJobRegistry(queue=queue)

    async def done() -> int:
        return await asyncio.to_thread(lambda: finished.count)

    await _until(done, count)


async def _keys(port: int, pattern: str) -> int:
    async with redis.asyncio.Redis(port=port) as client:
        return len(await client.keys(pattern))


async def _until(done: Callable[[], Awaitable[int]], count: int) -> None:
    while await done() < count:  # noqa: ASYNC110
        await asyncio.sleep(0.05)


PEERS = {"arq": arq_jobs, "saq": saq_jobs, "rq": rq_jobs}


async def main(count: int) -> None:
    """Measure and print."""
    _, _, rate = await throughput.measure("naq", count)
    print(f"{'naq':<6}{rate:>8.0f} jobs/s", flush=True)
    for kind, enqueue in PEERS.items():
        with redis_server() as port:
            worker = await asyncio.create_subprocess_exec(
                sys.executable,
                __file__,
                *("--work", kind, "--port", str(port)),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                await asyncio.sleep(2)
                began = time.perf_counter()
                async with asyncio.timeout(120):
                    await enqueue(port, count)
                print(f"{kind:<6}{count / (time.perf_counter() - began):>8.0f} jobs/s", flush=True)
            finally:
                worker.kill()
                await worker.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=5000)
    parser.add_argument("--work", choices=PEERS)
    parser.add_argument("--port", type=int)
    options = parser.parse_args()
    if options.work:
        work(options.work, options.port)
    else:
        asyncio.run(main(options.jobs))
