"""Where jobs stand; taking them back; scheduled, waiting and failed ones."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import naq
from naq.buckets import ensure_buckets
from naq.exceptions import JobCancelledError, JobError, JobFailedError, ScheduleError
from naq.models import JOB_STATUS
from naq.models.schedule import ScheduleStatus
from naq.worker.context import current_job

release = asyncio.Event()
may_fail = {"yes": True}


async def wait_for_release() -> None:
    await release.wait()


def fail_if_told() -> str:
    if may_fail["yes"]:
        raise ValueError("told to")
    return "fine"


def fail_once() -> None:
    context = current_job()
    assert context is not None
    if context.attempt == 1:
        raise ValueError


async def work(url: str) -> None:
    async with asyncio.timeout(20):
        await naq.Worker(config=url, burst=True).run()


async def status(url: str, job: naq.Job) -> JOB_STATUS | None:
    info = await naq.get_job(job.job_id, url)
    return info.status if info else None


async def becomes(url: str, job: naq.Job, wanted: JOB_STATUS) -> None:
    async with asyncio.timeout(10):
        while await status(url, job) is not wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_nothing_is_known_of_an_unknown_job(url: str) -> None:
    assert await naq.get_job("unknown", url) is None


async def test_a_job_goes_from_queued_over_running_to_completed(url: str) -> None:
    release.clear()
    job = await naq.enqueue(wait_for_release, config=url)
    assert await status(url, job) is JOB_STATUS.QUEUED
    working = asyncio.create_task(work(url))
    await becomes(url, job, JOB_STATUS.RUNNING)
    release.set()
    await working
    assert await status(url, job) is JOB_STATUS.COMPLETED


async def test_a_job_between_two_attempts_is_retrying(url: str) -> None:
    job = await naq.enqueue(fail_once, config=url, retries=1, retry=0.5)
    working = asyncio.create_task(work(url))
    await becomes(url, job, JOB_STATUS.RETRYING)
    info = await naq.get_job(job.job_id, url)
    assert info is not None
    assert info.failures == 1
    await working
    assert await status(url, job) is JOB_STATUS.COMPLETED


async def test_a_failed_job_has_its_reason(url: str) -> None:
    job = await naq.enqueue(math.sqrt, -1, config=url)
    await work(url)
    info = await naq.get_job(job.job_id, url)
    assert info is not None
    assert info.status is JOB_STATUS.FAILED
    assert "ValueError" in info.describe()["error"]


async def test_a_queued_job_can_be_taken_back(url: str) -> None:
    job = await naq.enqueue(math.sqrt, 4, config=url)
    assert await naq.cancel_job(job.job_id, url)
    assert await status(url, job) is JOB_STATUS.CANCELLED
    assert await naq.queue_sizes(url) == {}
    assert not await naq.cancel_job(job.job_id, url)


async def test_a_wait_for_a_cancelled_job_raises(url: str) -> None:
    job = await naq.enqueue(math.sqrt, 4, config=url)
    waiting = asyncio.create_task(naq.fetch_job_result(job, config=url))
    await asyncio.sleep(0.1)
    await naq.cancel_job(job.job_id, url)
    with pytest.raises(JobCancelledError, match=f"job {job.job_id} was cancelled"):
        await asyncio.wait_for(waiting, 10)


at_work: set[str] = set()


async def run_on(name: str) -> None:
    at_work.add(name)
    try:
        await asyncio.sleep(60)
    finally:
        at_work.remove(name)


def run_on_in_a_thread(name: str) -> None:
    context = naq.current_job()
    assert context is not None
    at_work.add(name)
    while not context.broken_off:
        time.sleep(0.01)
    at_work.remove(name)


@pytest.mark.parametrize("function", [run_on, run_on_in_a_thread])
async def test_a_running_job_can_be_cancelled(
    url: str, function: Any, eventually: Callable[[Callable[[], bool]], Awaitable[None]]
) -> None:
    job = await naq.enqueue(function, "it", config=url, retries=3)
    worker = naq.Worker(config=url)
    working = asyncio.create_task(worker.run())
    await becomes(url, job, JOB_STATUS.RUNNING)
    await eventually(lambda: at_work == {"it"})
    assert await naq.cancel_job(job.job_id, url)
    with pytest.raises(JobCancelledError, match="cancelled while it ran"):
        await naq.fetch_job_result(job, config=url, timeout=10)
    assert await status(url, job) is JOB_STATUS.CANCELLED
    assert not await naq.cancel_job(job.job_id, url)
    # The worker goes on, with all that it had.
    assert (
        await naq.fetch_job_result(
            await naq.enqueue(math.sqrt, 4, config=url), config=url, timeout=10
        )
        == 2
    )
    await eventually(lambda: at_work == set() and not worker.abandoned_jobs)
    worker.stop()
    await working
    assert (worker.completed, worker.failed, worker.abandoned_jobs) == (1, 0, 0)
    assert await naq.FailedJobs(url).list() == []
    events = await naq.EventManager(url).history("job.cancelled")
    assert [event.data["job_id"] for event in events] == [job.job_id]


async def test_a_running_isolated_job_is_ended_with_its_process(url: str) -> None:
    job = await naq.enqueue("time:sleep", 60, config=url, isolated=True)
    worker = naq.Worker(config=url)
    working = asyncio.create_task(worker.run())
    await becomes(url, job, JOB_STATUS.RUNNING)
    assert await naq.cancel_job(job.job_id, url)
    with pytest.raises(JobCancelledError):
        await naq.fetch_job_result(job, config=url, timeout=10)
    worker.stop()
    await asyncio.wait_for(working, 10)


async def test_a_job_whose_worker_is_gone_can_be_cancelled(url: str) -> None:
    job = await naq.enqueue(math.sqrt, 4, config=url)
    await ensure_buckets(url)
    await naq.Worker(config=url).update_job_status(job.job_id, JOB_STATUS.RUNNING)
    assert await naq.cancel_job(job.job_id, url)
    assert await naq.queue_sizes(url) == {}


async def test_a_waiting_job_can_be_taken_back(url: str) -> None:
    job = await naq.enqueue(math.sqrt, 4, config=url, depends_on="never")
    assert await status(url, job) is JOB_STATUS.WAITING
    assert await naq.cancel_job(job.job_id, url)
    assert await naq.Queue(config=url).waiting_jobs() == []


async def test_a_scheduled_job_is_stored_with_its_time(url: str) -> None:
    when = datetime(2030, 1, 2, 3, 4, tzinfo=UTC)
    job = await naq.enqueue_at(when, math.sqrt, 4, config=url, queue="later")
    assert await status(url, job) is JOB_STATUS.SCHEDULED
    (schedule,) = await naq.list_schedules(url)
    assert (schedule.run_at, schedule.queue) == (when, "later")
    assert naq.Job.deserialize(schedule.payload) == job


async def test_a_delay_counts_from_now(url: str) -> None:
    await naq.enqueue_in(timedelta(hours=1), math.sqrt, 4, config=url)
    (schedule,) = await naq.list_schedules(url)
    assert schedule.run_at is not None
    wait = schedule.run_at - datetime.now(UTC)
    assert timedelta(minutes=59) < wait < timedelta(minutes=61)


async def test_schedules_are_listed_by_their_time(url: str) -> None:
    for hours in (3, 1, 2):
        await naq.enqueue_in(hours * 3600, math.sqrt, 4, config=url, job_id=f"in-{hours}")
    listed = [schedule.job_id for schedule in await naq.list_schedules(url)]
    assert listed == ["in-1", "in-2", "in-3"]


async def test_a_scheduled_job_can_be_paused_resumed_changed_and_cancelled(url: str) -> None:
    job = await naq.schedule(math.sqrt, 4, interval=60, config=url, job_id="sqrt")
    paused = await naq.pause_scheduled_job(job.job_id, url)
    assert paused.status is ScheduleStatus.PAUSED
    assert (await naq.resume_scheduled_job(job.job_id, url)).status is ScheduleStatus.ACTIVE
    changed = await naq.modify_scheduled_job(job.job_id, url, cron="0 4 * * *", repeat=3)
    assert (changed.cron, changed.interval, changed.repeat) == ("0 4 * * *", None, 3)
    assert await naq.list_schedules(url) == [changed]
    assert await naq.cancel_scheduled_job(job.job_id, url)
    assert not await naq.cancel_scheduled_job(job.job_id, url)
    assert await naq.list_schedules(url) == []


@pytest.mark.parametrize(
    "change",
    [
        naq.pause_scheduled_job,
        naq.resume_scheduled_job,
        naq.modify_scheduled_job,
    ],
)
async def test_what_is_not_scheduled_cannot_be_changed(
    url: str, change: Callable[..., Any]
) -> None:
    with pytest.raises(ScheduleError, match="there is no scheduled job 'x'"):
        await change("x", url)


async def test_only_what_a_schedule_has_can_be_changed(url: str) -> None:
    with pytest.raises(ScheduleError, match=r"cannot change color \(only cron"):
        await naq.modify_scheduled_job("x", url, color="red")


async def test_a_schedule_needs_a_rule(url: str) -> None:
    with pytest.raises(ScheduleError, match="a cron expression or an interval"):
        await naq.schedule(math.sqrt, 4, config=url)


async def test_a_failed_job_can_be_requeued_and_then_succeed(url: str) -> None:
    may_fail["yes"] = True
    job = await naq.enqueue(fail_if_told, config=url, retries=1)
    await work(url)
    failed = naq.FailedJobs(url)
    (kept,) = await failed.list()
    assert (kept.job.job_id, kept.failure.attempts) == (job.job_id, 2)
    may_fail["yes"] = False
    await failed.requeue(job.job_id)
    assert await failed.list() == []
    assert await status(url, job) is JOB_STATUS.QUEUED
    await work(url)
    assert await naq.fetch_job_result(job, timeout=0, config=url) == "fine"


async def test_a_job_may_fail_and_be_requeued_again_and_again(url: str) -> None:
    may_fail["yes"] = True
    job = await naq.enqueue(fail_if_told, config=url)
    failed = naq.FailedJobs(url)
    for _ in range(3):
        await work(url)
        assert await failed.requeue_all() == 1
    await work(url)
    with pytest.raises(JobFailedError, match="told to"):
        await naq.fetch_job_result(job, timeout=0, config=url)


async def test_failed_jobs_are_listed_and_purged_by_queue(url: str) -> None:
    for queue in ("a", "b"):
        await naq.enqueue(math.sqrt, -1, config=url, queue=queue, job_id=queue)
    async with asyncio.timeout(20):
        await naq.Worker(["a", "b"], url, burst=True).run()
    failed = naq.FailedJobs(url)
    assert [each.job.job_id for each in await failed.list("a")] == ["a"]
    assert await failed.purge("a") == 1
    assert [each.job.job_id for each in await failed.list()] == ["b"]
    assert await failed.delete("b")
    assert not await failed.delete("b")


async def test_only_a_failed_job_can_be_requeued(url: str) -> None:
    with pytest.raises(JobError, match="there is no failed job 'x'"):
        await naq.FailedJobs(url).requeue("x")
