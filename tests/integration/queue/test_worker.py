"""Jobs from enqueue to result, on a real server."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from nats.js.api import StreamConfig

from naq.config import Config
from naq.connection import close_all_connections, nats_jetstream, nats_kv_store
from naq.exceptions import JobCancelledError, JobError, JobFailedError, NaqJetStreamError
from naq.models import JOB_STATUS, Job
from naq.models.failed import FailedJob
from naq.names import LONGEST_KEY, LONGEST_TOKEN
from naq.queue import Queue, queue_sizes
from naq.queue.control import cancel_job, get_job
from naq.results import Results
from naq.server import run_nats_server
from naq.streams import job_stream
from naq.worker import Worker
from naq.worker.context import current_job

calls: list[Any] = []


async def add(a: int, b: int) -> int:
    return a + b


def remember(value: Any) -> int:
    calls.append(value)
    return threading.get_ident()


async def slow(seconds: float) -> str:
    calls.append("slow")
    await asyncio.sleep(seconds)
    return "slept"


released = threading.Event()


async def stubborn() -> None:
    calls.append("stubborn")
    while not released.is_set():
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(0.05)
    calls.append("at last")


def fail_until(attempt: int) -> int:
    context = current_job()
    assert context is not None
    calls.append(context.attempt)
    if context.attempt < attempt:
        raise ConnectionError(f"attempt {context.attempt}")
    return context.attempt


class _UnpicklableError(Exception):
    def __init__(self, lock: Any, *, word: str) -> None:
        super().__init__(lock, word)


def raise_unpicklable() -> None:
    raise _UnpicklableError(threading.Lock(), word="stuck")


def raise_system_exit() -> None:
    sys.exit(3)


async def raise_system_exit_in_the_loop() -> None:
    sys.exit(3)


def exhaust_an_iterator() -> Any:
    return next(iter([]))


def raise_generator_exit() -> None:
    raise GeneratorExit


async def raise_generator_exit_in_the_loop() -> None:
    raise GeneratorExit


async def close_every_connection() -> str:
    await close_all_connections()
    return "closed"


async def cancel_itself() -> None:
    raise asyncio.CancelledError


async def hold_the_loop() -> None:
    hold = time.sleep
    hold(60)


def return_a_lock() -> Any:
    return threading.Lock()


def return_two_megabytes() -> bytes:
    return os.urandom(2_000_000)


def print_binary() -> str:
    sys.__stdout__.buffer.write(bytes(range(256)))  # type: ignore[union-attr]
    return "printed"


def fork() -> str:
    child = os.fork()
    if child:
        os.waitpid(child, 0)
    return "forked"


def die() -> None:
    os._exit(7)


def eat_memory() -> int:
    return len(bytearray(8 << 30))


@pytest.fixture(autouse=True)
def _no_calls() -> None:
    calls.clear()


async def work(url: str, queues: Any = "default", **settings: Any) -> Worker:
    worker = Worker(queues, url, burst=True, **settings)
    async with asyncio.timeout(30):
        await worker.run()
    return worker


async def called(times: int) -> None:
    async for _ in _ticks():
        if len(calls) >= times:
            return


async def _ticks() -> AsyncIterator[None]:
    async with asyncio.timeout(20):
        while True:
            yield
            await asyncio.sleep(0.01)


async def result_of(url: str, job: Job) -> Any:
    return await Results(url).fetch_job_result(job.job_id, timeout=0)


async def failure_of(url: str, job: Job) -> str:
    with pytest.raises(JobFailedError) as caught:
        await result_of(url, job)
    return str(caught.value)


async def test_an_async_job_leaves_its_result(url: str) -> None:
    job = await Queue(config=url).enqueue(add, 1, b=2)
    await work(url)
    assert await result_of(url, job) == 3
    assert await queue_sizes(url) == {}


async def test_a_plain_function_runs_in_a_thread(url: str) -> None:
    job = await Queue(config=url).enqueue(remember, "x")
    await work(url)
    assert await result_of(url, job) != threading.get_ident()


async def test_a_lambda_is_a_job(url: str) -> None:
    job = await Queue(config=url).enqueue(lambda: 42)
    await work(url)
    assert await result_of(url, job) == 42


async def test_a_json_job_has_a_json_result(url: str) -> None:
    job = await Queue(config=url).enqueue(add, 1, 2, serializer="json")
    await work(url)
    async with nats_kv_store("job_results", url) as kv:
        entry = await kv.get(job.job_id)
    assert (entry.value or b"").startswith(b"{")
    assert await result_of(url, job) == 3


async def test_none_is_a_result(url: str) -> None:
    job = await Queue(config=url).enqueue(slow, 0)
    await work(url)
    assert [info.failed for info in await Results(url).list_results()] == [False]
    assert await result_of(url, job) == "slept"


async def test_a_repeated_enqueue_is_one_job(url: str) -> None:
    queue = Queue(config=url)
    for _ in range(3):
        await queue.enqueue(remember, "once", job_id="same")
    assert await queue.size() == 1
    await work(url)
    await queue.enqueue(remember, "once", job_id="same")
    await work(url)
    assert calls == ["once"]


async def test_queues_of_any_name_stay_apart(url: str) -> None:
    names = ["e-mail, weekly", "a.b", "*", ">", "日本"]
    for name in names:
        await Queue(name, url).enqueue(remember, name)
    assert await queue_sizes(url) == dict.fromkeys(sorted(names), 1)
    await work(url, "*")
    assert calls == ["*"]
    await work(url, names)
    assert sorted(calls) == sorted(names)


async def test_a_worker_may_take_jobs_from_hundreds_of_queues(url: str) -> None:
    names = [f"queue-{number}" for number in range(300)]
    await Queue(config=url).enqueue_many(Job(remember, (name,), queue=name) for name in names)
    await work(url, names)
    assert sorted(calls) == sorted(names)


async def test_purge_returns_the_number_of_removed_jobs(url: str) -> None:
    queue = Queue("a", url)
    assert await queue.purge() == 0
    assert await queue.enqueue_many(Job(add, (i, i), queue="a") for i in range(2500)) == 2500
    await Queue("b", url).enqueue(add, 1, 1)
    assert await queue.purge() == 2500
    assert await queue_sizes(url) == {"b": 1}


async def test_enqueue_many_counts_what_is_new(url: str) -> None:
    jobs = [Job(add, (1, 1), job_id=f"job-{i % 7}") for i in range(20)]
    assert await Queue(config=url).enqueue_many(jobs) == 7


async def test_a_job_too_large_for_the_server_is_refused_with_advice(url: str) -> None:
    with pytest.raises(JobError, match="pass a reference"):
        await Queue(config=url).enqueue(remember, os.urandom(2_000_000))


async def test_dequeue_takes_one_job(url: str) -> None:
    queue = Queue(config=url)
    assert await queue.dequeue(timeout=0.1) is None
    job = await queue.enqueue(add, 1, 2)
    assert await queue.dequeue() == job
    assert await queue.size() == 0


async def test_concurrency_is_a_limit(url: str) -> None:
    running = peak = 0

    async def count() -> None:
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        await asyncio.sleep(0.01)
        running -= 1

    Worker.__test_count__ = count  # type: ignore[attr-defined]
    await Queue(config=url).enqueue_many(Job(_count) for _ in range(40))
    await work(url, concurrency=4)
    assert peak == 4


async def _count() -> None:
    await Worker.__test_count__()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (return_a_lock, "cannot pickle"),
        (return_two_megabytes, "the server takes"),
        (raise_unpicklable, "_UnpicklableError"),
        (raise_system_exit, "SystemExit: 3"),
        (raise_system_exit_in_the_loop, "SystemExit: 3"),
        (raise_generator_exit, "GeneratorExit"),
        (raise_generator_exit_in_the_loop, "GeneratorExit"),
        (cancel_itself, "CancelledError"),
        (exhaust_an_iterator, "StopIteration"),
        (hold_the_loop, "held the event loop"),
        ("no.such.module:function", "cannot import"),
        ("os:sep", "is no function"),
    ],
)
async def test_a_job_that_misbehaves_fails_and_the_worker_lives(
    url: str, function: Any, message: str
) -> None:
    bad = await Queue(config=url).enqueue(function)
    good = await Queue(config=url).enqueue(add, 1, 2)
    worker = await work(url, block_limit=0.5)
    assert message in await failure_of(url, bad)
    assert await result_of(url, good) == 3
    assert (worker.completed, worker.failed) == (1, 1)


async def test_a_job_may_close_all_shared_connections(url: str) -> None:
    queue = Queue(config=url)
    neighbours = [await queue.enqueue(slow, 0.3) for _ in range(3)]
    job = await queue.enqueue(close_every_connection)
    worker = await work(url)
    assert await result_of(url, job) == "closed"
    assert [await result_of(url, each) for each in neighbours] == ["slept"] * 3
    assert (worker.completed, calls) == (4, ["slow"] * 3)


@pytest.mark.parametrize(("function", "value"), [(print_binary, "printed"), (fork, "forked")])
@pytest.mark.parametrize("isolated", [False, True])
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
async def test_a_job_may_print_and_fork(
    url: str, function: Any, value: str, isolated: bool
) -> None:
    call: Any = function if not isolated else (lambda: function())
    job = await Queue(config=url).enqueue(_by_value(function) if isolated else call)
    await work(url)
    assert await result_of(url, job) == value
    assert await queue_sizes(url) == {}


def _by_value(function: Any) -> Job:
    # This module cannot be imported from another process.
    import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    try:
        job = Job(lambda: function(), isolated=True)
        job.serialize()
        return job
    finally:
        cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


async def test_an_isolated_job_runs_in_a_process_of_its_own(url: str) -> None:
    job = await Queue(config=url).enqueue(os.getpid, isolated=True)
    await work(url)
    assert await result_of(url, job) != os.getpid()


async def test_an_isolated_job_may_die(url: str) -> None:
    job = await Queue(config=url).enqueue(os._exit, 7, isolated=True)
    killed = await Queue(config=url).enqueue(_by_value(_kill_itself))
    await work(url)
    assert "exit code 7" in await failure_of(url, job)
    assert "SIGKILL" in await failure_of(url, killed)


def _kill_itself() -> None:
    os.kill(os.getpid(), 9)


async def test_an_isolated_job_may_eat_its_memory(url: str) -> None:
    job = await Queue(config=url).enqueue(_by_value(eat_memory))
    await work(url, memory_limit=2 << 30)
    assert "MemoryError" in await failure_of(url, job)


async def test_an_isolated_job_is_ended_at_its_timeout(url: str) -> None:
    job = await Queue(config=url).enqueue(time.sleep, 60, isolated=True, timeout=0.3)
    await work(url)
    assert "its timeout of 0.3 s" in await failure_of(url, job)


async def test_the_failure_of_an_isolated_job_has_its_traceback(url: str) -> None:
    job = await Queue(config=url).enqueue("math:sqrt", -1, isolated=True, retry_on=[OSError])
    await work(url)
    assert "ValueError" in await failure_of(url, job)


@pytest.mark.parametrize("function", [slow, time.sleep])
async def test_a_job_fails_at_its_timeout(url: str, function: Any) -> None:
    job = await Queue(config=url).enqueue(function, 3, timeout=0.1)
    await work(url)
    assert "its timeout of 0.1 s" in await failure_of(url, job)


async def test_a_failed_job_gets_its_number_of_retries(url: str) -> None:
    fine = await Queue(config=url).enqueue(fail_until, 3, retries=2)
    await work(url)
    assert await result_of(url, fine) == 3
    assert calls == [1, 2, 3]
    calls.clear()
    bad = await Queue(config=url).enqueue(fail_until, 9, retries=2, retry=0.05)
    await work(url)
    assert "attempt 3" in await failure_of(url, bad)
    assert calls == [1, 2, 3]


@pytest.mark.parametrize(
    ("settings", "attempts"),
    [
        ({"retry_on": [OSError]}, 3),
        ({"retry_on": [ValueError]}, 1),
        ({"ignore_on": [ConnectionError]}, 1),
        ({"retry_on": [OSError], "ignore_on": [OSError]}, 1),
        ({"retry": lambda _attempt: 1 / 0}, 3),
    ],
)
async def test_only_some_exceptions_are_worth_a_retry(
    url: str, settings: dict[str, Any], attempts: int
) -> None:
    await Queue(config=url).enqueue(fail_until, 9, retries=2, **settings)
    await work(url)
    assert len(calls) == attempts


async def test_a_failed_job_is_kept_with_its_traceback(url: str) -> None:
    job = await Queue(config=url).enqueue(fail_until, 9, retries=1)
    await work(url)
    async with nats_kv_store("failed_jobs", url) as kv:
        failed = FailedJob.deserialize((await kv.get(job.job_id)).value)
    assert failed.failure.attempts == 2
    assert "in fail_until" in failed.failure.traceback
    assert failed.job == job


async def test_a_redelivered_job_whose_result_is_stored_is_not_run_again(url: str) -> None:
    queue = Queue(config=url)
    job = await queue.enqueue(remember, "x")
    await work(url)
    # What a crash between the result and the acknowledgement leaves behind.
    async with nats_jetstream(url) as (_, js):
        await js.publish(f"naq.jobs.default.{job.job_id}", job.serialize())
    worker = await work(url)
    assert calls == ["x"]
    assert worker.completed == 0
    assert await queue.size() == 0


async def test_a_job_enqueued_again_after_it_has_ended_is_run_again(url: str) -> None:
    queue = Queue(config=url)
    await queue.enqueue(remember, 1, job_id="same")
    await work(url)
    async with nats_jetstream(url) as (_, js):
        # As if the two minutes were over in which the server remembers the id.
        await js.update_stream(dataclasses.replace(job_stream(Config()), duplicate_window=0.1))
        await asyncio.sleep(0.2)
    await queue.enqueue(remember, 2, job_id="same")
    info = await get_job("same", url)
    assert info is not None
    assert info.status is JOB_STATUS.QUEUED
    await work(url)  # a worker that was not there when it was enqueued
    assert calls == [1, 2]


async def test_a_result_may_be_kept_for_a_short_time(url: str) -> None:
    queue = Queue(config=url)
    short = await queue.enqueue(add, 1, 2, result_ttl=1)
    failed = await queue.enqueue(fail_until, 9, result_ttl=1)
    await queue.enqueue(add, 1, 2, job_id="long", result_ttl=60)
    await work(url)
    assert await result_of(url, short) == 3
    assert "attempt 1" in await failure_of(url, failed)
    async for _ in _ticks():
        if [info.job_id for info in await Results(url).list_results()] == ["long"]:
            break


async def test_a_bucket_that_lets_no_single_result_expire_keeps_it(url: str) -> None:
    async with nats_jetstream(url) as (_, js):
        # As a server before 2.11 makes it.
        await js.add_stream(
            StreamConfig(
                name="KV_job_results",
                subjects=["$KV.job_results.>"],
                max_msgs_per_subject=1,
                allow_direct=True,
            )
        )
    job = await Queue(config=url).enqueue(add, 1, 2, result_ttl=1)
    await work(url)
    assert await result_of(url, job) == 3


async def test_bytes_that_are_no_job_do_not_keep_a_worker_from_its_jobs(url: str) -> None:
    queue = Queue(config=url)
    job = await queue.enqueue(add, 1, 2)
    async with nats_jetstream(url) as (_, js):
        await js.publish("naq.jobs.default.rubbish", b"rubbish")
    await work(url)
    assert await queue.size() == 0
    assert await result_of(url, job) == 3


async def test_a_job_waits_for_those_that_it_depends_on(url: str) -> None:
    queue = Queue(config=url)
    first = await queue.enqueue(remember, 1)
    second = await queue.enqueue(remember, 2)
    last = await queue.enqueue(remember, 3, depends_on=[first, second])
    assert await queue.size() == 2
    assert await queue.waiting_jobs() == [last]
    await work(url)
    assert calls[-1] == 3
    assert await queue.waiting_jobs() == []


async def test_a_job_whose_dependency_has_succeeded_does_not_wait(url: str) -> None:
    queue = Queue(config=url)
    first = await queue.enqueue(remember, 1)
    await work(url)
    await queue.enqueue(remember, 2, depends_on=first)
    await work(url)
    assert calls == [1, 2]


async def test_a_job_longer_than_ack_wait_stays_with_its_worker(url: str) -> None:
    await Queue(config=url).enqueue(slow, 1.5)
    await asyncio.gather(work(url, ack_wait=0.6), work(url, ack_wait=0.6))
    assert calls == ["slow"]


async def test_a_stopping_worker_finishes_what_runs_and_gives_back_the_rest(url: str) -> None:
    queue = Queue(config=url)
    await queue.enqueue_many(Job(slow, (1.0,)) for _ in range(6))
    worker = Worker("default", url, concurrency=2)
    running = asyncio.create_task(worker.run())
    await called(2)
    worker.stop()
    await running
    assert worker.completed == 2
    assert await queue.size() == 4
    assert (await work(url)).completed == 4


async def test_a_worker_in_a_hurry_gives_back_what_runs(url: str) -> None:
    queue = Queue(config=url)
    await queue.enqueue(slow, 30)
    worker = Worker("default", url)
    running = asyncio.create_task(worker.run())
    await called(1)
    worker.stop()
    worker.stop()
    await running
    assert await queue.size() == 1
    assert worker.failed == 0


async def test_a_stopping_worker_leaves_a_job_that_swallows_its_cancellation(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("naq.worker.runners.BREAK_OFF_TIMEOUT", 0.2)
    queue = Queue(config=url)
    job = await queue.enqueue(stubborn)
    worker = Worker("default", url)
    running = asyncio.create_task(worker.run())
    await called(1)
    worker.stop()
    worker.stop()
    await running
    assert worker.abandoned_jobs == 1
    assert await queue.size() == 1
    released.set()
    await called(2)
    assert job.job_id not in {info.job_id for info in await Results(url).list_results()}


@pytest.mark.parametrize("how", ["timeout", "cancel"])
async def test_a_job_that_does_not_end_when_it_is_broken_off_is_left_behind(
    url: str, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr("naq.worker.runners.BREAK_OFF_TIMEOUT", 0.2)
    released.clear()
    queue, results = Queue(config=url), Results(url)
    job = await queue.enqueue(stubborn, timeout=0.5 if how == "timeout" else None)
    worker = Worker("default", url, concurrency=1)
    running = asyncio.create_task(worker.run())
    await called(1)
    if how == "cancel":
        await until_it_is_known_to_run(job, url)
        assert await cancel_job(job.job_id, url)
    expected, message = {
        "timeout": (JobFailedError, "longer than its timeout of 0.5 s"),
        "cancel": (JobCancelledError, "cancelled while it ran"),
    }[how]
    with pytest.raises(expected, match=message):
        await results.fetch_job_result(job.job_id, timeout=10)
    # Another job has its place.
    after = await queue.enqueue("math:sqrt", 4)
    assert await results.fetch_job_result(after.job_id, timeout=10) == 2
    worker.stop()
    await running
    assert worker.abandoned_jobs == 1
    assert await queue.size() == 0
    released.set()
    await called(2)


async def until_it_is_known_to_run(job: Job, url: str) -> None:
    async for _ in _ticks():
        info = await get_job(job.job_id, url)
        if info is not None and info.status is JOB_STATUS.RUNNING:
            return


async def test_a_stopping_worker_logs_the_jobs_it_waits_for(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "naq")
    await Queue(config=url).enqueue(slow, 30)
    worker = Worker("default", url, worker_id="w")
    running = asyncio.create_task(worker.run())
    await called(1)
    worker.stop()
    while "stopping" not in caplog.text:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    worker.stop()
    await running
    assert [record.message for record in caplog.records if record.name == "naq.worker"] == [
        "worker w takes jobs from default",
        "stopping: 1 job to finish, in 30 s at most; a second signal does not wait",
        "giving back 1 job",
        "gave back 1 job",
    ]


async def test_a_cancelled_worker_gives_back_what_runs(url: str) -> None:
    queue = Queue(config=url)
    job = await queue.enqueue(slow, 30)
    running = asyncio.create_task(Worker("default", url).run())
    await called(1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await queue.size() == 1
    assert job.job_id not in {info.job_id for info in await Results(url).list_results()}


async def test_a_worker_may_refuse_to_unpickle(url: str) -> None:
    pickled = await Queue(config=url).enqueue(remember, 1)
    plain = await Queue(config=url).enqueue(add, 1, 2, serializer="json")
    await work(url, serializers=["json"], allow=[add, remember])
    assert "reads no cloudpickle jobs, only json" in await failure_of(url, pickled)
    assert await result_of(url, plain) == 3
    assert calls == []


async def test_jobs_with_settings_that_make_no_sense_are_refused_at_once(url: str) -> None:
    with pytest.raises(JobError, match="timeout"):
        await Queue(config=url).enqueue(add, 1, 2, timeout=-1)
    with pytest.raises(JobError, match="give it alone"):
        await Queue(config=url).enqueue(Job(add), 1)
    with pytest.raises(JobError, match="concurrency"):
        Worker(config=Config(servers=(url,)), concurrency=0)
    with pytest.raises(JobError, match="worker id 'my worker'"):
        Worker(config=Config(servers=(url,)), worker_id="my worker")


async def test_the_longest_names_work(url: str) -> None:
    queue, job_id = "q" * LONGEST_TOKEN, "x/" * (LONGEST_KEY // 2)
    await Queue(queue, url).enqueue(remember, "x", job_id=job_id)
    await work(url, queue)
    assert calls == ["x"]


async def test_a_worker_that_may_not_start_logs_the_reason_once() -> None:
    with run_nats_server(jetstream=False) as server:
        with pytest.raises(NaqJetStreamError, match="no JetStream on the NATS server at 127"):
            await work(server.url)
        await close_all_connections()
