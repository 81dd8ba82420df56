"""The lifespan of a worker, on a real server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest

from naq.exceptions import JobError, JobFailedError, LifespanError, NaqConnectionError
from naq.queue import Queue
from naq.results import Results
from naq.server import NatsServer
from naq.worker import Worker
from naq.worker import lifespan as lifespan_module
from naq.worker.context import current_job, lifespan_state


@dataclass
class App:
    name: str
    thread: int


happened: list[str] = []


@pytest.fixture(autouse=True)
def _fresh() -> None:
    happened.clear()


@asynccontextmanager
async def lifespan(worker: Worker) -> AsyncIterator[App]:
    happened.append("start")
    try:
        yield App(worker.worker_id, threading.get_ident())
    finally:
        happened.append("end")


async def name_in_the_loop() -> str:
    happened.append("job")
    return lifespan_state(App).name


def name_in_a_thread() -> tuple[str, bool]:
    app = lifespan_state(App)
    return app.name, app.thread == threading.get_ident()


def untyped_state() -> Any:
    context = current_job()
    assert context is not None
    return context.state


def wrong_state() -> str:
    return lifespan_state(str)


async def hold(seconds: float) -> None:
    happened.append("job")
    await asyncio.sleep(seconds)
    happened.append("job ended")


def worker(
    url: str, make: Callable[[Worker], AbstractAsyncContextManager[Any]] | None, **settings: Any
) -> Worker:
    settings = {"burst": True, "worker_id": "w", **settings}
    return Worker("default", url, lifespan=make, **settings)


Eventually = Callable[[Callable[[], bool]], Awaitable[None]]


async def test_a_job_in_the_loop_and_one_in_a_thread_reach_the_state(url: str) -> None:
    jobs = [await Queue(config=url).enqueue(f) for f in (name_in_the_loop, name_in_a_thread)]
    await worker(url, lifespan).run()
    results = [await Results(url, unpickle=True).fetch_job_result(job.job_id) for job in jobs]
    assert results == ["w", ("w", False)]


async def test_it_starts_before_the_first_job_and_ends_after_the_last(url: str) -> None:
    for _ in range(3):
        await Queue(config=url).enqueue(name_in_the_loop)
    await worker(url, lifespan).run()
    assert happened == ["start", "job", "job", "job", "end"]


async def test_an_isolated_job_has_no_state(url: str) -> None:
    queue = Queue(config=url)
    untyped = await queue.enqueue(untyped_state, isolated=True)
    typed = await queue.enqueue(name_in_a_thread, isolated=True)
    await worker(url, lifespan).run()
    assert await Results(url).fetch_job_result(untyped.job_id) is None
    with pytest.raises(JobFailedError, match="an isolated job has no state"):
        await Results(url).fetch_job_result(typed.job_id)


@pytest.mark.parametrize(
    ("make", "found"), [(lifespan, "a state of App"), (None, "this worker has no state")]
)
async def test_a_state_of_another_class_is_an_error(url: str, make: Any, found: str) -> None:
    job = await Queue(config=url).enqueue(wrong_state)
    await worker(url, make).run()
    with pytest.raises(JobFailedError, match=f"expected a state of str: .*{found}"):
        await Results(url).fetch_job_result(job.job_id)


def test_outside_of_a_job_there_is_no_state() -> None:
    with pytest.raises(JobError, match="only a job has the state of a lifespan"):
        lifespan_state(App)


async def test_a_reconnect_does_not_start_it_again(
    nats_server: NatsServer, url: str, eventually: Eventually
) -> None:
    made = worker(url, lifespan, burst=False)
    running = asyncio.create_task(made.run())
    await Queue(config=url).enqueue(name_in_the_loop)
    await eventually(lambda: "job" in happened)
    nats_server.kill()
    nats_server.start()
    await Queue(config=url).enqueue(name_in_the_loop)
    await eventually(lambda: happened.count("job") == 2)
    made.stop()
    await running
    assert happened == ["start", "job", "job", "end"]


async def test_a_failure_at_the_start_takes_no_job(url: str) -> None:
    @asynccontextmanager
    async def broken(_worker: Worker) -> AsyncIterator[None]:
        raise ConnectionError("no database")
        yield

    await Queue(config=url).enqueue(name_in_the_loop)
    expected = "the lifespan failed at the start: ConnectionError: no database"
    with pytest.raises(LifespanError, match=expected) as raised:
        await worker(url, broken).run()
    assert isinstance(raised.value.__cause__, ConnectionError)
    assert await Queue(config=url).size() == 1


async def test_what_is_no_context_manager_is_an_error(url: str) -> None:
    async def generator(_worker: Worker) -> AsyncIterator[None]:
        yield

    with pytest.raises(LifespanError, match=r"use contextlib\.asynccontextmanager"):
        await worker(url, generator).run()  # type: ignore[arg-type]


async def test_a_failure_at_the_end_is_raised_once_the_jobs_are_done(url: str) -> None:
    @asynccontextmanager
    async def broken(_worker: Worker) -> AsyncIterator[None]:
        yield
        raise ConnectionError("no database")

    await Queue(config=url).enqueue(hold, 0.1)
    with pytest.raises(LifespanError, match="failed at the end: ConnectionError: no database"):
        await worker(url, broken).run()
    assert await Queue(config=url).size() == 0


async def test_a_lifespan_that_fails_meanwhile_stops_the_worker(url: str) -> None:
    @asynccontextmanager
    async def fails_later(_worker: Worker) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            yield

    async def fail() -> None:
        while "job" not in happened:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        raise ConnectionError("the pool is gone")

    await Queue(config=url).enqueue(hold, 0.3)
    with pytest.raises(LifespanError, match="the lifespan failed while the worker ran"):
        await worker(url, fails_later, burst=False).run()
    assert happened == ["job", "job ended"]


async def test_a_lifespan_that_hangs_at_the_end_is_cancelled(url: str) -> None:
    @asynccontextmanager
    async def hangs(_worker: Worker) -> AsyncIterator[None]:
        yield
        try:
            await asyncio.sleep(60)
        finally:
            happened.append("cancelled")

    made = worker(url, hangs, shutdown_timeout=0.2)
    with pytest.raises(LifespanError, match=r"the lifespan did not end within 0\.2 s"):
        await made.run()
    assert happened == ["cancelled"]
    assert not made.has_left_lifespan


async def test_a_lifespan_that_refuses_to_end_is_left_behind(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifespan_module, "CANCEL_TIMEOUT", 0.1)
    released = asyncio.Event()

    @asynccontextmanager
    async def refuses(_worker: Worker) -> AsyncIterator[None]:
        yield
        while not released.is_set():
            with suppress(asyncio.CancelledError):
                await released.wait()

    made = worker(url, refuses, shutdown_timeout=0.1)
    with pytest.raises(LifespanError, match="did not end"):
        await made.run()
    assert made.has_left_lifespan
    released.set()


async def test_a_second_request_to_stop_does_not_wait_for_its_end(
    url: str, eventually: Eventually
) -> None:
    @asynccontextmanager
    async def hangs(_worker: Worker) -> AsyncIterator[None]:
        yield
        happened.append("ending")
        await asyncio.sleep(60)

    made = worker(url, hangs, burst=False)
    running = asyncio.create_task(made.run())
    await asyncio.sleep(0.2)
    made.stop()
    await eventually(lambda: "ending" in happened)
    made.stop()
    with pytest.raises(LifespanError):
        await asyncio.wait_for(running, 5)


async def test_a_request_to_stop_breaks_off_its_start(url: str, eventually: Eventually) -> None:
    @asynccontextmanager
    async def slow(_worker: Worker) -> AsyncIterator[None]:
        happened.append("starting")
        try:
            await asyncio.sleep(60)
        finally:
            happened.append("cleaned up")
        yield

    await Queue(config=url).enqueue(name_in_the_loop)
    made = worker(url, slow)
    running = asyncio.create_task(made.run())
    await eventually(lambda: "starting" in happened)
    made.stop()
    await asyncio.wait_for(running, 5)
    assert happened == ["starting", "cleaned up"]
    assert await Queue(config=url).size() == 1


async def test_it_ends_when_the_server_cannot_be_reached_at_the_start() -> None:
    with pytest.raises(NaqConnectionError):
        await worker("nats://127.0.0.1:1", lifespan).run()
    assert happened == ["start", "end"]


async def test_a_cancelled_worker_leaves_it(url: str, eventually: Eventually) -> None:
    running = asyncio.create_task(worker(url, lifespan, burst=False).run())
    await eventually(lambda: "start" in happened)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert happened == ["start", "end"]
