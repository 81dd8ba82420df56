"""Other queues beside naq: how each is set up, fed and awaited, by its own documentation.

Ten clients enqueue at once: tasks where the client is asynchronous, threads where it is not.
"""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import jobs
import nats
import throughput

import naq
from naq.server import run_nats_server

ENQUEUERS = 10
"""Clients that enqueue at once."""


async def by_tasks(count: int, enqueue: Callable[[], Awaitable[Any]]) -> None:
    """Enqueue so many jobs, from ten tasks."""

    async def enqueue_share() -> None:
        for _ in range(count // ENQUEUERS):
            await enqueue()

    await asyncio.gather(*(enqueue_share() for _ in range(ENQUEUERS)))


async def by_threads(count: int, enqueue: Callable[[], Any]) -> None:
    """Enqueue so many jobs, from ten threads."""

    def enqueue_share(_thread: int) -> None:
        for _ in range(count // ENQUEUERS):
            enqueue()

    def enqueue_all() -> None:
        with ThreadPoolExecutor(ENQUEUERS) as threads:
            list(threads.map(enqueue_share, range(ENQUEUERS)))

    await asyncio.to_thread(enqueue_all)


async def noop(_context: Any = None) -> None:
    """Do nothing."""


def plain_noop() -> None:
    """Do nothing."""


def plain_one() -> int:
    """Return what is no None."""
    return 1


# What each peer needs is imported where it is used: the others run without it.


async def naq_jobs(url: str, count: int) -> None:
    """Enqueue, and wait until all results are stored."""
    await by_tasks(count, lambda: naq.enqueue(jobs.noop, config=url))
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
    await by_tasks(count, task.kiq)

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
    await by_tasks(count, task.kiq)
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
    await by_tasks(count, lambda: pool.enqueue_job("noop"))
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
    await by_tasks(count, lambda: queue.enqueue("noop", ttl=600))
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
    await by_threads(count, lambda: queue.enqueue("peer_queues.plain_noop"))
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
    await by_threads(count, lambda: app.send_task("noop"))
    await _until(lambda: _keys(url, "celery-task-meta-*"), count)


def celery_work(url: str) -> None:
    """Run the worker."""
    command = ["worker", "--pool", "threads", "--concurrency", str(jobs.CONCURRENCY)]
    celery_app(url).worker_main([*command, "--loglevel", "ERROR"])


def dramatiq_actor(url: str) -> Any:
    """Return the actor, on a broker that stores results."""
    import dramatiq
    from dramatiq.brokers.redis import RedisBroker
    from dramatiq.results import Results
    from dramatiq.results.backends import RedisBackend

    broker = RedisBroker(url=url)
    broker.add_middleware(Results(backend=RedisBackend(url=url), store_results=True))
    dramatiq.set_broker(broker)
    # A result of None is stored only on request.
    return dramatiq.actor(plain_one, actor_name="noop", store_results=True)


async def dramatiq_jobs(url: str, count: int) -> None:
    """Enqueue, and wait until all results are stored."""
    actor = dramatiq_actor(url)
    await by_threads(count, actor.send)
    await _until(lambda: _keys(url, "?" * 32), count)  # a result's key is a digest


def dramatiq_work(url: str) -> None:
    """Run the worker: ten threads in this process, as its command line starts them."""
    import dramatiq

    broker = dramatiq_actor(url).broker
    dramatiq.Worker(broker, worker_threads=jobs.CONCURRENCY).start()
    while True:
        time.sleep(1)


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
    "dramatiq": Queue(("dramatiq", "redis"), redis_server, dramatiq_jobs, dramatiq_work),
}
