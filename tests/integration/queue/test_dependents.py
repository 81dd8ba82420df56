"""Jobs that depend on others: each of them ends, whatever becomes of its parents."""

from __future__ import annotations

import asyncio
import math
import resource
import time
from typing import Any

import pytest

import naq
from naq.buckets import ensure_buckets
from naq.connection import nats_jetstream
from naq.exceptions import JobCancelledError, JobError, JobFailedError
from naq.models import JOB_STATUS, Job
from naq.names import kv_subject
from naq.queue.waiting import list_waiting


def add(*numbers: int) -> int:
    return sum(numbers)


def fail() -> None:
    raise ValueError("no")


attempts: list[int] = []


def fail_once() -> int:
    attempts.append(1)
    if len(attempts) == 1:
        raise ValueError("no")
    return 40


async def slow(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "slept"


async def work(url: str, **settings: Any) -> naq.Worker:
    worker = naq.Worker(config=url, burst=True, **settings)
    async with asyncio.timeout(30):
        await worker.run()
    return worker


async def result(url: str, job: Job, timeout: float = 10) -> Any:
    return await naq.fetch_job_result(job, config=url, timeout=timeout)


@pytest.fixture
async def working(url: str) -> Any:
    """A worker that is at work during the test."""
    worker = naq.Worker(config=url)
    running = asyncio.create_task(worker.run())
    yield worker
    worker.stop()
    async with asyncio.timeout(20):
        await running


async def test_a_job_may_have_many_dependents(url: str, working: naq.Worker) -> None:
    for round_ in range(5):
        parent = await naq.enqueue(slow, 0.05, config=url)
        children = [
            await naq.enqueue(add, round_, number, depends_on=parent, config=url)
            for number in range(20)
        ]
        results = await asyncio.gather(*(result(url, child) for child in children))
        assert results == [round_ + number for number in range(20)]


async def test_the_result_of_a_parent_is_handed_to_the_child(url: str) -> None:
    first = await naq.enqueue(add, 1, config=url)
    second = await naq.enqueue("builtins:sum", [2], serializer="json", config=url)
    child = await naq.enqueue(add, 100, depends_on=[first, second], pass_results=True, config=url)
    apart = await naq.enqueue(
        math.pow, 3, depends_on=[second], pass_results=True, isolated=True, config=url
    )
    await work(url)
    assert await result(url, child) == 103
    assert await result(url, apart) == 8


@pytest.mark.parametrize("parent", [fail, "gone"])
async def test_a_child_fails_with_its_parent(
    url: str, parent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    child, grandchild = await family(url, parent, monkeypatch)
    with pytest.raises(JobFailedError, match="ParentFailedError: job parent "):
        await result(url, child)
    with pytest.raises(JobFailedError, match="job child did not succeed"):
        await result(url, grandchild)
    listed = {each.job.job_id for each in await naq.FailedJobs(url).list()}
    assert {"child", "grandchild"} <= listed
    assert await list_waiting(url) == []


@pytest.mark.parametrize("parent", [fail, "gone"])
async def test_a_child_is_cancelled_with_its_parent(
    url: str, parent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    child, grandchild = await family(url, parent, monkeypatch, on_parent_failure="cancel")
    for job in (child, grandchild):
        with pytest.raises(JobCancelledError, match="cancelled: job"):
            await result(url, job)
    info = await naq.get_job("child", url)
    assert info is not None
    assert info.status is JOB_STATUS.CANCELLED


@pytest.mark.parametrize("parent", [fail, "gone"])
async def test_a_child_may_run_although_its_parent_fails(
    url: str, parent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    child, grandchild = await family(url, parent, monkeypatch, on_parent_failure="run")
    assert await result(url, child) == 1
    assert await result(url, grandchild) == 1


async def family(
    url: str, parent: Any, monkeypatch: pytest.MonkeyPatch, **settings: Any
) -> tuple[Job, Job]:
    """Enqueue a parent, its child and grandchild, and work until none of them waits."""
    monkeypatch.setattr("naq.queue.waiting.GONE_AFTER", 0.5)
    if parent != "gone":
        await naq.enqueue(parent, job_id="parent", config=url)
    child = await naq.enqueue(add, 1, job_id="child", depends_on="parent", config=url, **settings)
    grandchild = await naq.enqueue(
        add, 1, job_id="grandchild", depends_on="child", config=url, **settings
    )
    worker = naq.Worker(config=url)
    running = asyncio.create_task(worker.run())
    async with asyncio.timeout(20):
        while await list_waiting(url):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        while await naq.queue_sizes(url):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    worker.stop()
    await running
    return child, grandchild


async def test_a_child_ends_with_a_parent_that_is_cancelled_in_the_queue(
    url: str, working: naq.Worker
) -> None:
    parent = await naq.enqueue(add, 1, queue="nobody", config=url)
    child = await naq.enqueue(add, 1, depends_on=parent, config=url)
    await naq.cancel_job(parent.job_id, url)
    with pytest.raises(JobFailedError, match="did not succeed: JobCancelledError"):
        await result(url, child)


async def test_a_parent_that_keeps_no_result_lets_its_child_go(url: str) -> None:
    parent = await naq.enqueue(add, 1, keep_result=False, config=url)
    other = await naq.enqueue(slow, 0.3, config=url)
    child = await naq.enqueue(add, 1, depends_on=[parent, other], config=url)
    await work(url)
    assert await result(url, child) == 1


async def test_a_child_of_a_kept_parent_and_a_worker_that_died_runs_all_the_same(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker died after the parent's acknowledgement and before it let the child go."""
    monkeypatch.setattr("naq.queue.waiting.GONE_AFTER", 0.1)
    parent = await naq.enqueue(add, 1, keep_result=False, config=url)
    child = await naq.enqueue(add, 1, depends_on=parent, config=url)
    assert await naq.Queue(config=url).dequeue() == parent
    worker = naq.Worker(config=url)
    running = asyncio.create_task(worker.run())
    assert await result(url, child) == 1
    worker.stop()
    await running


async def test_a_result_that_expires_before_a_sibling_ends_is_not_missed(
    url: str, working: naq.Worker
) -> None:
    short = await naq.enqueue(add, 1, result_ttl=1, config=url)
    long = await naq.enqueue(slow, 2.5, config=url)
    child = await naq.enqueue(add, 1, depends_on=[short, long], config=url)
    assert await result(url, child) == 1


async def test_jobs_that_wait_for_each_other_end(url: str, working: naq.Worker) -> None:
    first = await naq.enqueue(add, 1, job_id="first", depends_on="second", config=url)
    second = await naq.enqueue(add, 1, job_id="second", depends_on="first", config=url)
    for job in (first, second):
        with pytest.raises(JobFailedError):
            await result(url, job, timeout=20)
    assert await list_waiting(url) == []


async def test_waiting_jobs_are_listed_with_what_they_wait_for(url: str) -> None:
    done = await naq.enqueue(add, 1, config=url)
    await work(url)
    other = await naq.enqueue(add, 1, config=url)
    await naq.enqueue(add, 1, job_id="a", queue="mail", depends_on=[done, other], config=url)
    (waiting,) = await list_waiting(url)
    assert waiting.waits_for == (other.job_id,)
    assert await list_waiting(url, "default") == []


async def test_a_requeued_child_waits_for_its_requeued_parent(url: str) -> None:
    attempts.clear()
    parent = await naq.enqueue(fail_once, job_id="parent", config=url)
    await naq.enqueue(add, 1, job_id="child", depends_on=parent, pass_results=True, config=url)
    await work(url)
    failed = naq.FailedJobs(url)
    assert {each.job.job_id for each in await failed.list()} == {"parent", "child"}
    await failed.requeue("parent")
    await failed.requeue("child")
    assert [job.job_id for job in await naq.Queue(config=url).waiting_jobs()] == ["child"]
    await work(url)
    assert await naq.fetch_job_result("child", timeout=5, config=url) == 41
    assert await failed.list() == []


async def test_a_requeued_child_fails_again_while_its_parent_has_failed(url: str) -> None:
    await naq.enqueue(fail, job_id="parent", config=url)
    await naq.enqueue(add, 1, job_id="child", depends_on="parent", config=url)
    await work(url)
    await naq.FailedJobs(url).requeue("child")
    assert await naq.queue_sizes(url) == {}
    with pytest.raises(JobFailedError, match="job parent did not succeed"):
        await naq.fetch_job_result("child", timeout=2, config=url)
    (child,) = [e for e in await naq.FailedJobs(url).list() if e.job.job_id == "child"]
    assert child.failure.attempts == 0


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(JobError, match="fail, cancel or run, not 'maybe'"):
        Job(add, depends_on="x", on_parent_failure="maybe")  # type: ignore[arg-type]


async def test_thousands_of_waiting_jobs_cost_an_idle_worker_next_to_nothing(url: str) -> None:
    await ensure_buckets(url)
    async with nats_jetstream(url) as (_, js):
        for start in range(0, 3000, 500):
            await asyncio.gather(
                *(
                    js.publish(
                        kv_subject("waiting_jobs", f"child-{number}"),
                        Job(
                            add, job_id=f"child-{number}", depends_on=f"parent-{number}"
                        ).serialize(),
                    )
                    for number in range(start, start + 500)
                )
            )
    worker = naq.Worker(config=url)
    running = asyncio.create_task(worker.run())
    await asyncio.sleep(2)
    before, began = cpu(), time.monotonic()
    await asyncio.sleep(6)
    share = (cpu() - before) / (time.monotonic() - began)
    worker.stop()
    await running
    assert share < 0.05  # of a core; the idle worker's own share is in it


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
