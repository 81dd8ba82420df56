"""Middleware around enqueueing, and the headers of a job, on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

import naq.sync
from naq import (
    Job,
    Queue,
    Scheduler,
    Worker,
    current_job,
    enqueue,
    enqueue_at,
    enqueue_many,
    fetch_job_result,
    register_enqueue_middleware,
    schedule,
    unregister_enqueue_middleware,
)
from naq.exceptions import JobError, SerializationError
from naq.models.status import Enqueued
from naq.server import NatsServer

Next = Callable[[Job], Awaitable[Job]]

happened: list[str] = []
tenant: ContextVar[str] = ContextVar("tenant", default="nobody")


async def stamp(job: Job, call_next: Next) -> Job:
    job.add_headers({"tenant": tenant.get()})
    happened.append("in")
    try:
        return await call_next(job)
    finally:
        happened.append("out")


def headers() -> dict[str, str]:
    context = current_job()
    assert context is not None
    return dict(context.job.headers)


async def results(url: str, *jobs: Job) -> list[Any]:
    await Worker(config=url, burst=True).run()
    return [await fetch_job_result(job, timeout=0, config=url) for job in jobs]


@pytest.fixture
def register() -> Iterator[Callable[[Any], None]]:
    registered: list[Any] = []

    def add(middleware: Any) -> None:
        register_enqueue_middleware(middleware)
        registered.append(middleware)

    happened.clear()
    yield add
    for middleware in registered:
        unregister_enqueue_middleware(middleware)


Register = Callable[[Any], None]


async def test_a_header_goes_with_the_job(url: str, register: Register) -> None:
    register(stamp)
    tenant.set("acme")
    job = await enqueue(headers, config=url)
    assert job.enqueued is Enqueued.NEW
    assert await results(url, job) == [{"tenant": "acme"}]


async def test_it_goes_around_each_of_many(url: str, register: Register) -> None:
    register(stamp)
    jobs = [Job(headers), Job(headers)]
    assert await enqueue_many(jobs, config=url) == 2
    assert happened == ["in", "out", "in", "out"]
    assert await results(url, *jobs) == [{"tenant": "nobody"}] * 2


async def test_a_waiting_job_keeps_its_headers(url: str, register: Register) -> None:
    register(stamp)
    parent = await enqueue(headers, config=url)
    child = await enqueue(headers, depends_on=parent, config=url)
    assert await results(url, parent, child) == [{"tenant": "nobody"}] * 2


def test_it_runs_without_async_in_the_context_of_the_caller(
    nats_server: NatsServer, register: Register
) -> None:
    register(stamp)
    token = tenant.set("acme")
    job = naq.sync.enqueue(headers, config=nats_server.url)
    naq.sync.close()
    tenant.reset(token)
    assert dict(job.headers) == {"tenant": "acme"}


async def test_a_job_for_later_is_stamped_when_it_is_scheduled(
    url: str, register: Register
) -> None:
    register(stamp)
    job = await enqueue_at(datetime.now(UTC), headers, config=url)
    unregister_enqueue_middleware(stamp)
    await run_scheduler_until_queued(url)
    assert happened == ["in", "out"]
    assert await results(url, job) == [{"tenant": "nobody"}]


async def test_each_run_of_a_recurring_job_is_stamped_by_the_scheduler(
    url: str, register: Register
) -> None:
    await schedule(headers, interval=60, run_at=datetime.now(UTC), job_id="every", config=url)
    register(stamp)
    await run_scheduler_until_queued(url)
    job = await Queue(config=url).dequeue()
    assert job is not None
    assert dict(job.headers) == {"tenant": "nobody"}


async def test_middleware_that_raises_leaves_the_scheduler_alive(
    url: str, register: Register, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse(job: Job, call_next: Next) -> Job:
        if job.job_id.startswith("bad"):
            raise ValueError("not this one")
        if job.job_id.startswith("cancelled"):
            raise asyncio.CancelledError
        return await call_next(job)

    for name in ("bad", "cancelled", "good"):
        now = datetime.now(UTC)
        await schedule(headers, interval=60, run_at=now, job_id=name, config=url)
    register(refuse)
    await run_scheduler_until_queued(url)
    job = await Queue(config=url).dequeue()
    assert job is not None
    assert job.job_id.startswith("good.")
    assert "its middleware raises ValueError: not this one" in caplog.text
    assert "its middleware cancels itself" in caplog.text


async def run_scheduler_until_queued(url: str) -> None:
    scheduler = Scheduler(url)
    running = asyncio.create_task(scheduler.run())
    async with asyncio.timeout(10):
        while not await Queue(config=url).size():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.2)
    scheduler.stop()
    await running


async def test_an_exception_reaches_the_caller_and_nothing_is_enqueued(
    url: str, register: Register
) -> None:
    async def refuse(_job: Job, _call_next: Next) -> Job:
        raise PermissionError("no quota")

    register(refuse)
    with pytest.raises(PermissionError, match="no quota"):
        await enqueue(headers, config=url)
    with pytest.raises(PermissionError, match="no quota"):
        await enqueue_many([Job(headers)], config=url)
    assert await Queue(config=url).size() == 0


async def test_it_sees_the_exception_of_an_enqueue(url: str, register: Register) -> None:
    register(stamp)
    with pytest.raises(JobError, match="max_payload"):
        await enqueue("builtins:len", bytes(2_000_000), config=url)
    assert happened == ["in", "out"]


async def test_one_that_calls_nothing_enqueues_nothing(url: str, register: Register) -> None:
    async def skip(job: Job, _call_next: Next) -> Job:
        return job

    register(skip)
    assert (await enqueue(headers, config=url)).enqueued is None
    assert await enqueue_many([Job(headers)], config=url) == 0
    assert await Queue(config=url).size() == 0


async def test_it_may_enqueue_another_job_instead(url: str, register: Register) -> None:
    async def redirect(job: Job, call_next: Next) -> Job:
        return await call_next(Job(job.function_name, queue="other"))

    register(redirect)
    assert (await enqueue(headers, config=url)).queue == "other"
    assert await Queue("other", url).size() == 1


async def test_a_second_call_of_call_next_is_an_error(url: str, register: Register) -> None:
    async def again(job: Job, call_next: Next) -> Job:
        await call_next(job)
        return await call_next(job)

    register(again)
    with pytest.raises(JobError, match="again calls call_next twice"):
        await enqueue(headers, config=url)


async def test_one_that_is_registered_twice_runs_once(url: str, register: Register) -> None:
    register(stamp)
    register(stamp)
    await enqueue(headers, config=url)
    assert happened == ["in", "out"]


def test_headers_are_added_before_and_after_a_job_was_written() -> None:
    job = Job("app:f")
    job.add_headers({"a": "1", "b": "1"})
    job.serialize()
    job.add_headers({"b": "2"})
    assert dict(Job.deserialize(job.serialize()).headers) == {"a": "1", "b": "2"}


def test_headers_are_added_without_a_look_at_the_call() -> None:
    line = orjson.dumps(
        {"naq": 1, "id": "x", "queue": "q", "function": "a:b", "serializer": "s", "created": 1.0}
    )
    job = Job.deserialize(line + b"\nnothing that can be read")
    job.add_headers({"a": "1"})
    assert job.serialize().endswith(b"\nnothing that can be read")


def test_headers_that_are_no_text_are_refused_on_the_wire() -> None:
    line = b'{"naq":1,"id":"x","queue":"q","function":"a:b","serializer":"s","created":1,"headers":{"a":1}}'
    with pytest.raises(SerializationError, match="headers"):
        Job.deserialize(line + b"\n")
