"""What a finished job leaves: its call, times, attempts and worker."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import naq
from naq.connection import nats_jetstream
from naq.exceptions import JobFailedError
from naq.models.finished import LARGEST_KEPT
from naq.models.info import JobInfo
from naq.models.status import JOB_STATUS
from naq.queue.control import cancel_job, get_job
from naq.worker.context import current_job


async def work(url: str) -> None:
    await naq.Worker(config=url, burst=True, worker_id="w.1").run()


async def ended(url: str, job_id: str) -> JobInfo:
    info = await get_job(job_id, url)
    assert info is not None
    return info


def fail_once() -> str:
    context = current_job()
    assert context is not None
    if context.attempt == 1:
        raise ConnectionError("not yet")
    return "done"


class Evil:
    """Its pickle makes a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> object:
        return Path.touch, (self.path,)


def give(count: int, _text: str) -> bytes:
    return b"x" * count


async def test_a_finished_job_keeps_its_function_and_arguments(url: str) -> None:
    await naq.enqueue("math:pow", 2, 0.5, queue="a.b/ü", job_id="j", config=url)
    await naq.Worker("a.b/ü", config=url, burst=True).run()
    info = await ended(url, "j")
    assert info.job is not None
    assert (info.status, info.job.function_name) == (JOB_STATUS.COMPLETED, "math:pow")
    assert (info.job.queue, info.arguments.args) == ("a.b/ü", ("2", "0.5"))


@pytest.mark.parametrize("serializer", ["json", "cloudpickle"])
async def test_named_arguments_are_kept_with_every_serializer(url: str, serializer: str) -> None:
    await naq.enqueue(
        "builtins:dict", to="ann", parts=[1, None], job_id="j", serializer=serializer, config=url
    )
    await work(url)
    assert (await ended(url, "j")).arguments.kwargs == {"to": "'ann'", "parts": "[1, None]"}


async def test_a_finished_job_keeps_its_times_attempts_and_worker(url: str) -> None:
    before = time.time()
    await naq.enqueue(fail_once, job_id="j", retries=1, config=url)
    await work(url)
    run = (await ended(url, "j")).run
    assert run is not None
    assert before - 1 < run.enqueued_at < run.started_at <= run.ended_at < time.time() + 1
    assert (run.attempts, run.worker) == (2, "w.1")


async def test_a_failed_job_keeps_them_too(url: str) -> None:
    await naq.enqueue("math:sqrt", -1, job_id="j", config=url)
    await work(url)
    info = await ended(url, "j")
    assert info.run is not None
    assert (info.status, info.arguments.args, info.run.worker) == (
        JOB_STATUS.FAILED,
        ("-1",),
        "w.1",
    )


async def test_a_job_that_is_cancelled_before_it_runs_keeps_its_call(url: str) -> None:
    await naq.enqueue("math:sqrt", 4, job_id="j", config=url)
    await cancel_job("j", url)
    info = await ended(url, "j")
    assert (info.status, info.arguments.args) == (JOB_STATUS.CANCELLED, ("4",))


async def test_a_job_that_keeps_its_arguments_to_itself_leaves_none(url: str) -> None:
    await naq.enqueue("builtins:str", "secret", job_id="j", keep_arguments=False, config=url)
    await work(url)
    info = await ended(url, "j")
    assert info.job is not None
    assert b"secret" not in info.job.serialize()
    assert (info.job.function_name, info.arguments.hidden) == (
        "builtins:str",
        "the job keeps them to itself",
    )


async def test_of_arguments_that_are_too_many_only_the_size_is_kept(url: str) -> None:
    await naq.enqueue("builtins:len", "x" * LARGEST_KEPT, job_id="j", config=url)
    await work(url)
    info = await ended(url, "j")
    assert "bytes, too many to be kept" in info.arguments.hidden
    assert info.job is not None


async def test_a_pickle_that_may_run_code_is_not_read(url: str, tmp_path: Path) -> None:
    await naq.enqueue("builtins:id", Evil(tmp_path / "made"), job_id="j", config=url)
    info = await ended(url, "j")
    assert "which may run code" in info.arguments.hidden
    assert not (tmp_path / "made").exists()


async def test_a_result_that_fills_its_message_leaves_room_for_the_name_alone(url: str) -> None:
    async with nats_jetstream(url) as (conn, _):
        size = conn.max_payload - 400
    await naq.enqueue(give, size, "x" * 100, job_id="j", config=url)
    await work(url)
    info = await ended(url, "j")
    assert info.job is not None
    assert (info.status, info.job.function_name) == (JOB_STATUS.COMPLETED, f"{__name__}:give")
    assert "too many to be kept" in info.arguments.hidden


async def test_a_job_without_a_result_leaves_nothing_when_it_succeeds(url: str) -> None:
    await naq.enqueue("math:sqrt", 4, job_id="j", keep_result=False, config=url)
    await work(url)
    assert await get_job("j", url) is None


async def test_a_job_without_a_result_leaves_its_failure(url: str) -> None:
    await naq.enqueue("math:sqrt", -1, job_id="j", keep_result=False, config=url)
    await work(url)
    assert (await ended(url, "j")).arguments.args == ("-1",)
    with pytest.raises(JobFailedError):
        await naq.fetch_job_result("j", config=url)
