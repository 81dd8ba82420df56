"""Failed jobs: of any size, for as long as configured, and as fast with many as with few."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

import pytest

import naq
from naq.buckets import ensure_buckets
from naq.config import Config
from naq.connection import nats_jetstream, nats_kv_store
from naq.exceptions import JobFailedError
from naq.models import Job, JobFailure, Outcome
from naq.models.failed import FailedJob
from naq.names import kv_subject
from naq.server import run_nats_server


def fail_whatever_comes(_value: Any) -> None:
    raise ValueError("no" * 50_000)


async def work(url: str) -> None:
    async with asyncio.timeout(30):
        await naq.Worker(config=url, burst=True).run()


async def fill(url: str, count: int) -> None:
    await ensure_buckets(url)
    async with nats_jetstream(url) as (_, js):
        for start in range(0, count, 500):
            await asyncio.gather(
                *(
                    js.publish(
                        kv_subject("failed_jobs", f"job-{number}"), failed(number).serialize()
                    )
                    for number in range(start, min(start + 500, count))
                )
            )


def failed(number: int) -> FailedJob:
    queue = "rare" if number == 3 else "default"
    failure = JobFailure("builtins:OSError", "no", "", failed_at=1000.0 + number)
    return FailedJob(Job("math:sqrt", (number,), job_id=f"job-{number}", queue=queue), failure)


@pytest.mark.parametrize("size", [900_000, (1 << 20) - 800])
async def test_a_large_failed_job_is_listed_and_can_be_requeued(url: str, size: int) -> None:
    job = await naq.enqueue(fail_whatever_comes, os.urandom(size), config=url)
    await work(url)
    jobs = naq.FailedJobs(url)
    (kept,) = await jobs.list()
    assert kept.job == job
    assert kept.failure.error_type == "builtins:ValueError"
    await jobs.requeue(job.job_id)
    assert await naq.queue_sizes(url) == {"default": 1}
    assert await jobs.count() == 0


async def test_a_failure_fits_into_a_server_that_takes_little() -> None:
    with run_nats_server(options="max_payload: 4KB") as server:
        job = await naq.enqueue(fail_whatever_comes, 1, config=server.url)
        await work(server.url)
        with pytest.raises(JobFailedError, match="ValueError: no"):
            await naq.fetch_job_result(job, config=server.url, timeout=0)
        assert [each.job for each in await naq.FailedJobs(server.url).list()] == [job]
        await naq.close_all_connections()


async def test_a_first_page_and_the_count_are_as_fast_with_many_failed_jobs(url: str) -> None:
    await fill(url, 5000)
    jobs = naq.FailedJobs(url)
    began = time.monotonic()
    page = await jobs.list(limit=100)
    assert await jobs.count() == 5000
    took = time.monotonic() - began
    assert [each.job.job_id for each in page] == [f"job-{n}" for n in range(4999, 4899, -1)]
    began = time.monotonic()
    assert len(await jobs.list()) == 5000
    assert took < (time.monotonic() - began) / 4


async def test_a_page_is_full_although_entries_before_it_are_gone(url: str) -> None:
    await fill(url, 60)
    jobs = naq.FailedJobs(url)
    for number in range(20, 55):
        assert await jobs.delete(f"job-{number}")
    assert not await jobs.delete("job-20")
    listed = [each.job.job_id for each in await jobs.list(limit=10)]
    assert listed == [f"job-{n}" for n in (59, 58, 57, 56, 55, 19, 18, 17, 16, 15)]
    assert await jobs.count() == 25
    assert [each.job.job_id for each in await jobs.list("rare", limit=10)] == ["job-3"]
    assert await jobs.purge("rare") == 1
    assert await jobs.purge() == 24
    assert await jobs.list(limit=5) == []
    assert await jobs.list() == []


async def test_one_bad_entry_does_not_hide_the_others(url: str) -> None:
    await fill(url, 2)
    async with nats_kv_store("failed_jobs", url) as kv:
        await kv.put("bad", b"rubbish")
    assert len(await naq.FailedJobs(url).list()) == 2


async def test_failed_jobs_have_a_lifetime(url: str) -> None:
    await ensure_buckets(Config(servers=(url,), failed_ttl=3600))
    async with nats_jetstream(url) as (_, js):
        assert (await js.stream_info("KV_failed_jobs")).config.max_age == 3600
    assert Config().failed_ttl == 30 * 24 * 3600


def test_a_short_failure_keeps_all_of_its_text() -> None:
    failure = JobFailure("a:B", "message", "traceback", 2, "w", 5.0)
    assert failure.fitting(lambda each: len(str(each.to_json())), 10_000) == failure
    assert Outcome.deserialize(Outcome(failure=failure).serialize()).failure == failure
