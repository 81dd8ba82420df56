"""naq without ``await``."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import naq
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


def test_many_threads_share_one_connection(server_url: str, nats_server: NatsServer) -> None:
    before = nats_server.total_connections
    with ThreadPoolExecutor(16) as pool:
        jobs = list(
            pool.map(lambda n: naq.sync.enqueue(math.sqrt, n, config=server_url), range(200))
        )
    assert len({job.job_id for job in jobs}) == 200
    assert naq.sync.queue_sizes(server_url) == {"default": 200}
    assert nats_server.total_connections == before + 1


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
