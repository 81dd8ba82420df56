"""A worker creates missing streams and buckets, and logs it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import naq
from naq.connection import nats_jetstream
from naq.exceptions import JobFailedError


def fail() -> None:
    raise ValueError("no")


@pytest.fixture
async def working(url: str) -> Any:
    """A worker that is at work during the test."""
    worker = naq.Worker(config=url, concurrency=4)
    running = asyncio.create_task(worker.run())
    warm = await naq.enqueue("math:sqrt", 4, config=url)
    assert await naq.fetch_job_result(warm, config=url, timeout=10) == 2
    yield worker
    worker.stop()
    async with asyncio.timeout(20):
        await running


async def delete(url: str, bucket: str) -> None:
    async with nats_jetstream(url) as (_, js):
        await js.delete_stream(f"KV_{bucket}")


@pytest.mark.usefixtures("working")
@pytest.mark.parametrize("bucket", ["failed_jobs", "job_results"])
async def test_jobs_end_although_a_bucket_was_deleted(
    url: str, bucket: str, caplog: pytest.LogCaptureFixture
) -> None:
    await delete(url, bucket)
    bad = [await naq.enqueue(fail, config=url) for _ in range(4)]
    good = await naq.enqueue("math:sqrt", 9, config=url)
    async with asyncio.timeout(20):
        while await naq.queue_sizes(url):  # noqa: ASYNC110 - fetching a result makes the bucket
            await asyncio.sleep(0.05)
    assert await naq.fetch_job_result(good, config=url, timeout=20) == 3
    for job in bad:
        with pytest.raises(JobFailedError):
            await naq.fetch_job_result(job, config=url, timeout=20)
    assert f"created again, since it was missing: bucket {bucket}" in caplog.text
    assert await naq.FailedJobs(url).count() == 4


@pytest.mark.usefixtures("working")
async def test_jobs_wait_for_others_although_the_bucket_was_deleted(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    await delete(url, "waiting_jobs")
    async with asyncio.timeout(20):
        while "was missing: bucket waiting_jobs" not in caplog.text:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    parent = await naq.enqueue("time:sleep", 0.5, config=url)
    child = await naq.enqueue("math:sqrt", 16, depends_on=parent, config=url)
    assert await naq.fetch_job_result(child, config=url, timeout=20) == 4
