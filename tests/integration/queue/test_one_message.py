"""Jobs that are taken from the queue by hand, on a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.errors import BucketNotFoundError

from naq.buckets import ensure_buckets
from naq.connection import nats_jetstream
from naq.models import JOB_STATUS, Job
from naq.names import Names
from naq.queue import Queue, queue_sizes
from naq.queue.control import get_job
from naq.results import Results
from naq.streams import ensure_consumer
from naq.worker import Worker

Pull = JetStreamContext.PullSubscription


@pytest.fixture
async def subscription(url: str) -> AsyncIterator[Pull]:
    await Queue("default", url).enqueue(Job("builtins:len", ("abc",), job_id="three"))
    await ensure_buckets(url)
    async with nats_jetstream(url) as (_, js):
        consumer = await ensure_consumer(js, Names(), "default", 30.0)
        yield await js.pull_subscribe_bind(consumer, Names().job_stream)


async def take(subscription: Pull) -> Msg:
    (message,) = await subscription.fetch(1, timeout=5)
    return message


async def test_the_result_is_stored_and_the_job_is_gone(url: str, subscription: Pull) -> None:
    await Worker("default", url).process_message(await take(subscription))
    assert await Results(url).get_result("three") == 3
    assert await queue_sizes(url) == {}


async def test_a_job_that_fails_comes_back_at_once(url: str, subscription: Pull) -> None:
    await Queue("default", url).purge()
    await Queue("default", url).enqueue(Job("builtins:int", ("abc",), job_id="bad"))
    for _ in range(2):
        with pytest.raises(ValueError, match="invalid literal"):
            await Worker("default", url).process_message(await take(subscription))
    assert await Results(url).get_result("bad") is None


async def test_a_status_is_read_back(url: str) -> None:
    await ensure_buckets(url)
    await Worker("default", url).update_job_status("j1", JOB_STATUS.RUNNING)
    info = await get_job("j1", url)
    assert info is not None
    assert info.status is JOB_STATUS.RUNNING


async def test_a_status_needs_its_bucket(url: str) -> None:
    with pytest.raises(BucketNotFoundError):
        await Worker("default", url).update_job_status("j1", JOB_STATUS.RUNNING)
