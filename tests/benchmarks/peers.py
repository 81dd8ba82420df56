"""The same 5,000 no-op jobs through other queues, beside naq.

Run it with ``python tests/benchmarks/peers.py``, after ``pip install --group benchmarks`` and
``apt-get install redis-server`` (Debian's package: arq, celery, rq and saq keep their jobs in a
Redis, which pip does not bring). Queues that are not installed are left out, with a note. With ``--json``
it prints what the site's page shows.

Every queue has a fresh server and one worker process, ten jobs at once (rq's worker runs one), and
is measured end to end: enqueued one by one while the worker works, until the last result is stored
(or, where none is, until the last job is acknowledged). The figures are medians of the rounds,
which take the queues by turns.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import jobs
import nats
import throughput
from figures import Figures

import naq
from naq.server import run_nats_server

LIMIT = 300
"""Seconds after which a queue is given up."""

FOLD = 4
"""How many times the best peer that stores results naq is to reach."""


async def noop(_context: Any = None) -> None:
    """Do nothing."""


def plain_noop() -> None:
    """Do nothing."""


# What each peer needs is imported where it is used: the others run without it.


async def naq_jobs(url: str, count: int) -> None:
    """Enqueue, and wait until all results are stored."""
    await throughput.enqueue_naq(url, count)
    async with await nats.connect(url) as nc:
        await throughput.until_stored(nc.jetstream(), "KV_job_results", count)
    await naq.close_all_connections()


def naq_work(url: str) -> None:
    """Run the worker."""
    asyncio.run(jobs.naq_worker(url))


def taskiq_broker(url: str, *, keep: bool) -> Any:
    """Return taskiq's broker on JetStream, with the task registered."""
    from taskiq_nats import NATSObjectStoreResultBackend, PullBasedJetStreamBroker

    broker = PullBasedJetStreamBroker(url, pull_consume_batch=50)
    if keep:
        broker = broker.with_result_backend(NATSObjectStoreResultBackend(url))
    broker.register_task(plain_noop, task_name="noop")
    return broker


async def taskiq_jobs(url: str, count: int) -> None:
    """Enqueue, and wait until all jobs are acknowledged."""
    broker = taskiq_broker(url, keep=False)
    await broker.startup()
    task = broker.find_task("noop")
    for _ in range(count):
        await task.kiq()

    async def acknowledged() -> int:
        info = await broker.js.consumer_info(broker.stream_name, "taskiq_durable")
        return count - info.num_pending - info.num_ack_pending

    await _until(acknowledged, count)
    await broker.shutdown()


async def taskiq_jobs_with_results(url: str, count: int) -> None:
    """Enqueue, and wait until all results are stored: an object each, which is two messages."""
    broker = taskiq_broker(url, keep=True)
    await broker.startup()
    task = broker.find_task("noop")
    for _ in range(count):
        await task.kiq()
    await throughput.until_stored(broker.js, "OBJ_taskiq_results", 2 * count)
    await broker.shutdown()


def taskiq_work(url: str, *, keep: bool = False) -> None:
    """Run the worker."""
    from taskiq.api import run_receiver_task

    broker = taskiq_broker(url, keep=keep)
    broker.is_worker_process = True
    asyncio.run(run_receiver_task(broker, max_async_tasks=jobs.CONCURRENCY, run_startup=True))


async def arq_jobs(url: str, count: int) -> None:
    """Enqueue, and wait until all results are stored."""
    import arq
    from arq.connections import RedisSettings

    pool = await arq.create_pool(RedisSettings.from_dsn(url))
    for _ in range(count):
        await pool.enqueue_job("noop")
    await _until(lambda: _keys(url, "arq:result:*"), count)
    await pool.aclose()


def arq_work(url: str) -> None:
    """Run the worker."""
    import arq
    from arq.connections import RedisSettings

    settings = {
        "functions": [noop],
        "redis_settings": RedisSettings.from_dsn(url),
        "max_jobs": jobs.CONCURRENCY,
        "poll_delay": 0.01,
    }
    arq.run_worker(type("Settings", (), settings))


async def saq_jobs(url: str, count: int) -> None:
    """Enqueue, and wait until nothing is left."""
    import saq

    queue = saq.Queue.from_url(url)
    await queue.connect()
    for _ in range(count):
        await queue.enqueue("noop", ttl=600)
    while await queue.count("incomplete"):  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    await queue.disconnect()


def saq_work(url: str) -> None:
    """Run the worker."""
    import saq

    worker = saq.Worker(
        saq.Queue.from_url(url), functions=[("noop", noop)], concurrency=jobs.CONCURRENCY
    )
    asyncio.run(worker.start())


async def rq_jobs(url: str, count: int) -> None:
    """Enqueue, and wait until all results are stored."""
    import redis
    import rq
    import rq.registry

    queue = rq.Queue(connection=redis.Redis.from_url(url))

    def enqueue() -> None:
        for _ in range(count):
            queue.enqueue("peers.plain_noop")

    await asyncio.to_thread(enqueue)
    finished = rq.registry.FinishedJobRegistry(queue=queue)

    async def done() -> int:
        return await asyncio.to_thread(lambda: finished.count)

    await _until(done, count)


def rq_work(url: str) -> None:
    """Run the worker."""
    import redis
    import rq

    connection = redis.Redis.from_url(url)
    rq.SimpleWorker([rq.Queue(connection=connection)], connection=connection).work(
        logging_level="ERROR"
    )


def celery_app(url: str) -> Any:
    """Return the application, with the task registered."""
    import celery

    app = celery.Celery("peers", broker=url, backend=url)
    app.task(plain_noop, name="noop")
    return app


async def celery_jobs(url: str, count: int) -> None:
    """Enqueue, and wait until all results are stored."""
    app = celery_app(url)

    def enqueue() -> None:
        for _ in range(count):
            app.send_task("noop")

    await asyncio.to_thread(enqueue)
    await _until(lambda: _keys(url, "celery-task-meta-*"), count)


def celery_work(url: str) -> None:
    """Run the worker."""
    command = ["worker", "--pool", "threads", "--concurrency", str(jobs.CONCURRENCY)]
    celery_app(url).worker_main([*command, "--loglevel", "ERROR"])


async def _keys(url: str, pattern: str) -> int:
    import redis.asyncio

    async with redis.asyncio.Redis.from_url(url) as client:
        return len(await client.keys(pattern))


async def _until(done: Callable[[], Awaitable[int]], count: int) -> None:
    while await done() < count:  # noqa: ASYNC110
        await asyncio.sleep(0.05)


@contextmanager
def redis_server() -> Iterator[str]:
    """Run a Redis that keeps everything in memory, and yield its URL."""
    import redis

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
        yield f"redis://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@contextmanager
def nats_server() -> Iterator[str]:
    """Run a nats-server that keeps everything on disk, and yield its URL."""
    with run_nats_server() as server:
        yield server.url


@dataclass(frozen=True)
class Queue:
    """A queue to be measured.

    Args:
        packages: what has to be installed for it, the queue itself first.
        server: runs what it stores everything on.
        enqueue: enqueues so many jobs and waits until they are done.
        work: runs its worker, for ever.
        keeps: whether it stores results.
    """

    packages: tuple[str, ...]
    server: Callable[[], Any]
    enqueue: Callable[[str, int], Awaitable[None]]
    work: Callable[[str], None]
    keeps: bool = True

    def missing(self) -> list[str]:
        """Return what is not installed."""
        missing = [
            package
            for package in self.packages
            if importlib.util.find_spec(package.replace("-", "_")) is None
        ]
        if self.server is redis_server and shutil.which("redis-server") is None:
            missing.append("redis-server")
        return missing


QUEUES = {
    "naq": Queue(("naq",), nats_server, naq_jobs, naq_work),
    "taskiq-nats": Queue(
        ("taskiq-nats",),
        nats_server,
        taskiq_jobs_with_results,
        lambda url: taskiq_work(url, keep=True),
    ),
    "taskiq-nats, no results": Queue(
        ("taskiq-nats",), nats_server, taskiq_jobs, taskiq_work, keeps=False
    ),
    "arq": Queue(("arq", "redis"), redis_server, arq_jobs, arq_work),
    "saq": Queue(("saq", "redis"), redis_server, saq_jobs, saq_work),
    "rq": Queue(("rq", "redis"), redis_server, rq_jobs, rq_work),
    "celery": Queue(("celery", "redis"), redis_server, celery_jobs, celery_work),
}


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
