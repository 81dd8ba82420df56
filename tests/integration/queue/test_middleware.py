"""Middleware around a job, on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import pytest

from naq.exceptions import JobError, JobFailedError, JobTimeoutError
from naq.models import Job
from naq.queue import Queue
from naq.queue.control import cancel_job, get_job
from naq.results import Results
from naq.worker import Worker
from naq.worker.context import JobContext, current_job

Next = Callable[[JobContext], Awaitable[Any]]
Eventually = Callable[[Callable[[], bool]], Awaitable[None]]

happened: list[Any] = []
tenant: ContextVar[str] = ContextVar("tenant")


@pytest.fixture(autouse=True)
def _fresh() -> None:
    happened.clear()


async def add(a: int, b: int) -> int:
    happened.append("job")
    return a + b


def tenant_in_a_thread() -> str:
    return tenant.get()


async def fail() -> None:
    happened.append("job")
    raise ConnectionError("refused")


async def hold(seconds: float) -> str:
    happened.append("job")
    await asyncio.sleep(seconds)
    return "slept"


async def outer(job: JobContext, call_next: Next) -> Any:
    happened.append("outer in")
    try:
        return await call_next(job)
    finally:
        happened.append("outer out")


async def inner(job: JobContext, call_next: Next) -> Any:
    happened.append("inner in")
    try:
        return await call_next(job)
    finally:
        happened.append("inner out")


async def run(url: str, *middleware: Any, **settings: Any) -> Worker:
    made = Worker("default", url, middleware=middleware, burst=True, **settings)
    await made.run()
    return made


async def result_of(url: str, job: Job) -> Any:
    return await Results(url, unpickle=True).fetch_job_result(job.job_id, timeout=0)


async def test_the_first_is_the_outermost(url: str) -> None:
    job = await Queue(config=url).enqueue(add, 1, 2)
    await run(url, outer, inner)
    assert happened == ["outer in", "inner in", "job", "inner out", "outer out"]
    assert await result_of(url, job) == 3


async def test_it_sees_the_job_and_the_attempt(url: str) -> None:
    async def look(job: JobContext, call_next: Next) -> Any:
        happened.append((job.job.function_name.partition(":")[2], job.attempt))
        assert current_job() is job
        return await call_next(job)

    await Queue(config=url).enqueue(fail, retries=1)
    await run(url, look)
    assert happened == [("fail", 1), "job", ("fail", 2), "job"]


async def test_what_it_returns_is_the_result(url: str) -> None:
    async def double(job: JobContext, call_next: Next) -> Any:
        return 2 * await call_next(job)

    for settings in ({}, {"isolated": True}, {"serializer": "json"}):
        job = await Queue(config=url).enqueue(add, 1, 2, **settings)
        await run(url, double)
        assert await result_of(url, job) == 6


async def test_one_that_calls_nothing_skips_the_job(url: str) -> None:
    async def skip(_job: JobContext, _call_next: Next) -> Any:
        return "from a cache"

    job = await Queue(config=url).enqueue(add, 1, 2)
    made = await run(url, skip)
    assert await result_of(url, job) == "from a cache"
    assert (happened, made.completed) == ([], 1)


async def test_one_that_swallows_an_exception_makes_the_job_a_success(url: str) -> None:
    async def swallow(job: JobContext, call_next: Next) -> Any:
        try:
            return await call_next(job)
        except ConnectionError:
            return "swallowed"

    job = await Queue(config=url).enqueue(fail, retries=3)
    made = await run(url, swallow)
    assert await result_of(url, job) == "swallowed"
    assert (made.completed, made.failed) == (1, 0)


async def test_its_exception_is_the_attempts_own(url: str) -> None:
    """The settings for retries hold for it as for one of the function."""

    async def refuse(job: JobContext, call_next: Next) -> Any:
        if job.attempt == 1:
            raise KeyError("not yet")
        return await call_next(job)

    queue = Queue(config=url)
    retried = await queue.enqueue(add, 1, 2, retries=1, retry_on=[KeyError])
    failing = await queue.enqueue(add, 1, 2, retries=1, ignore_on=[KeyError])
    await run(url, refuse)
    assert await result_of(url, retried) == 3
    with pytest.raises(JobFailedError, match="KeyError: 'not yet'"):
        await result_of(url, failing)


async def test_the_exception_of_an_isolated_job_reaches_it(url: str) -> None:
    async def note(job: JobContext, call_next: Next) -> Any:
        try:
            return await call_next(job)
        except Exception as error:
            happened.append(str(error))
            raise

    job = await Queue(config=url).enqueue(fail, isolated=True)
    await run(url, note)
    assert happened == ["refused"]
    with pytest.raises(JobFailedError, match="ConnectionError: refused"):
        await result_of(url, job)


async def test_a_second_call_of_call_next_fails_the_attempt(url: str) -> None:
    async def again(job: JobContext, call_next: Next) -> Any:
        await call_next(job)
        return await call_next(job)

    job = await Queue(config=url).enqueue(add, 1, 2)
    await run(url, again)
    with pytest.raises(JobFailedError, match=r"middleware .*again calls call_next twice"):
        await result_of(url, job)
    assert happened == ["job"]


async def test_its_own_cancelled_error_fails_the_attempt_and_not_the_worker(url: str) -> None:
    async def give_up(job: JobContext, call_next: Next) -> Any:
        await call_next(job)
        raise asyncio.CancelledError

    job = await Queue(config=url).enqueue(add, 1, 2)
    made = await run(url, give_up)
    with pytest.raises(JobFailedError, match="CancelledError"):
        await result_of(url, job)
    assert made.failed == 1


async def test_it_sees_the_timeout_of_the_call(url: str) -> None:
    async def note(job: JobContext, call_next: Next) -> Any:
        try:
            return await call_next(job)
        except JobTimeoutError as error:
            happened.append(str(error))
            raise

    await Queue(config=url).enqueue(hold, 60, timeout=0.1)
    await run(url, note)
    assert happened == ["job", "took longer than its timeout of 0.1 s"]


async def test_one_that_hangs_is_left_behind_after_the_timeout(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("naq.worker.runners.BREAK_OFF_TIMEOUT", 0.1)

    async def hang(_job: JobContext, _call_next: Next) -> Any:
        await asyncio.sleep(60)

    job = await Queue(config=url).enqueue(add, 1, 2, timeout=0.1)
    made = await run(url, hang)
    with pytest.raises(JobFailedError, match=r"took longer than its timeout of 0\.1 s"):
        await result_of(url, job)
    assert made.abandoned_jobs == 1


async def test_a_cancelled_job_is_cancelled_inside_it(url: str, eventually: Eventually) -> None:
    made = Worker("default", url, middleware=[outer])
    running = asyncio.create_task(made.run())
    job = await Queue(config=url).enqueue(hold, 60)
    async with asyncio.timeout(10):
        while (info := await get_job(job.job_id, url)) is None or info.status != "running":  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert await cancel_job(job.job_id, url)
    await eventually(lambda: "outer out" in happened)
    made.stop()
    await running


async def test_a_context_variable_reaches_a_job_in_a_thread(url: str) -> None:
    async def set_tenant(job: JobContext, call_next: Next) -> Any:
        token = tenant.set("acme")
        try:
            return await call_next(job)
        finally:
            tenant.reset(token)

    job = await Queue(config=url).enqueue(tenant_in_a_thread)
    await run(url, set_tenant)
    assert await result_of(url, job) == "acme"


def test_a_middleware_that_cannot_be_awaited_is_refused() -> None:
    def plain(_job: JobContext, _call_next: Next) -> Any: ...

    with pytest.raises(JobError, match="plain is no async function"):
        Worker(middleware=[plain])
