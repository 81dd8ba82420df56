"""naq without ``await``."""

from __future__ import annotations

import asyncio
import inspect
import math
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

import naq
import naq.connection
import naq.sync
from naq.exceptions import NaqError
from naq.server import NatsServer


@pytest.fixture
def server_url(nats_server: NatsServer) -> Iterator[str]:
    yield nats_server.url
    naq.sync.close()


def test_enqueue_work_and_fetch(server_url: str) -> None:
    job = naq.sync.enqueue(math.sqrt, 4, config=server_url)
    naq.sync.run(naq.Worker(config=server_url, burst=True).run())
    assert naq.sync.fetch_job_result(job, timeout=5, config=server_url) == 2


def test_objects_have_plain_methods(server_url: str) -> None:
    queue = naq.sync.Queue("q", server_url)
    queue.enqueue(math.sqrt, 4)
    assert (queue.name, queue.size(), queue.purge()) == ("q", 1, 1)
    assert naq.sync.FailedJobs(server_url).list() == []


def test_every_coroutine_of_the_public_interface_has_a_plain_form() -> None:
    public = {name: getattr(naq, name) for name in naq.__all__}
    public |= {name: getattr(naq.connection, name) for name in naq.connection.__all__}
    of_old = {"get_nats_connection", "get_jetstream_context", "close_nats_connection"}
    missing = {
        name
        for name, value in public.items()
        if (inspect.iscoroutinefunction(value) or inspect.isasyncgenfunction(value))
        and not inspect.isfunction(getattr(naq.sync, name, None))
    }
    assert missing - of_old == {"close_all_connections"}  # there it is `close`


@pytest.mark.parametrize(
    "name",
    ["Queue", "Results", "Scheduler", "FailedJobs", "WorkerStatusManager", "EventManager"],
)
def test_every_public_part_of_an_object_is_there(name: str) -> None:
    public = {part for part in dir(getattr(naq, name)) if not part.startswith("_")}
    assert public <= set(dir(getattr(naq.sync, name)))


def test_what_is_watched_is_a_plain_generator(server_url: str) -> None:
    manager = naq.sync.EventManager(server_url)
    manager.publish_event("mine", {"number": 1})
    watch = manager.watch("mine", since=datetime.now(UTC) - timedelta(hours=1))
    assert next(watch).data == {"number": 1}
    watch.close()


def test_many_threads_share_one_connection(server_url: str, nats_server: NatsServer) -> None:
    before = nats_server.monitor("varz")["total_connections"]
    with ThreadPoolExecutor(16) as pool:
        jobs = list(
            pool.map(lambda n: naq.sync.enqueue(math.sqrt, n, config=server_url), range(200))
        )
    assert len({job.job_id for job in jobs}) == 200
    assert naq.sync.queue_sizes(server_url) == {"default": 200}
    assert nats_server.monitor("varz")["total_connections"] == before + 1


async def test_it_works_in_the_thread_pool_of_a_running_loop(server_url: str) -> None:
    await asyncio.to_thread(naq.sync.enqueue, math.sqrt, 4, config=server_url)
    assert await asyncio.to_thread(naq.sync.queue_sizes, server_url) == {"default": 1}


async def test_it_refuses_to_stop_a_running_loop(server_url: str) -> None:
    with pytest.raises(NaqError, match="use the coroutine with await"):
        naq.sync.enqueue(math.sqrt, 4, config=server_url)


def test_an_exception_comes_through(server_url: str) -> None:
    with pytest.raises(NaqError, match="there is no failed job"):
        naq.sync.FailedJobs(server_url).requeue("x")


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_gets_a_loop_of_its_own(server_url: str) -> None:
    naq.sync.enqueue(math.sqrt, 4, config=server_url)
    child = os.fork()
    if not child:
        try:
            naq.sync.enqueue(math.sqrt, 9, config=server_url)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert naq.sync.queue_sizes(server_url) == {"default": 2}
