"""Nobody pays for a neighbour: a job that ends its worker is found out, and fails alone."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import naq
from naq.connection import nats_kv_store
from naq.exceptions import JobError, JobFailedError
from naq.models import Job
from naq.models.record import JobRecord
from naq.names import Names
from naq.worker.context import current_job

TASKS = """
import asyncio, os, re, signal, time
from naq import current_job

async def neighbour(seconds):
    await asyncio.sleep(seconds)
    return current_job().attempt

def crash():
    time.sleep(0.05)
    os._exit(1)

def be_killed():
    bytearray(10_000_000)
    os.kill(os.getpid(), signal.SIGKILL)  # as the kernel does when memory runs out

def segfault():
    import ctypes
    ctypes.string_at(0)

def block():
    re.fullmatch(r"(a+)+b", "a" * 40)  # keeps the interpreter's lock for ages

def bloat(step=0.02):
    taken = []
    for _ in range(120):
        taken.append(b"x" * 4_000_000)
        time.sleep(step)
    return "was not stopped"

async def bloat_in_the_loop():
    taken = []
    for _ in range(120):
        taken.append(b"x" * 4_000_000)
        await asyncio.sleep(0.02)

def crash_once(path):
    if not os.path.exists(path):
        open(path, "w").close()
        os._exit(1)
    return current_job().attempt
"""


@pytest.fixture(autouse=True)
def _tasks(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(TASKS, encoding="utf-8")


async def start(
    url: str, folder: Path, *words: str, stderr: int = subprocess.DEVNULL
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from naq.cli.main import main; main()", "worker", "--url", url,
        "--ack-wait", "0.5", "--burst", *words, cwd=folder, stderr=stderr,
    )  # fmt: skip


async def supervise(url: str, folder: Path, *words: str) -> int:
    """Start a worker again whenever it dies, until one comes to its end; count the dead ones."""
    for dead in range(12):
        process = await start(url, folder, *words)
        if await asyncio.wait_for(process.wait(), 60) == 0:
            return dead
    raise AssertionError("the workers died of something else")


@pytest.mark.parametrize("function", ["crash", "be_killed", "segfault"])
async def test_a_job_that_kills_its_worker_fails_and_its_neighbours_complete(
    url: str, tmp_path: Path, function: str
) -> None:
    neighbours = [await naq.enqueue("tasks:neighbour", 0.3, config=url) for _ in range(4)]
    guilty = await naq.enqueue(f"tasks:{function}", config=url, retries=5)
    neighbours += [await naq.enqueue("tasks:neighbour", 0.3, config=url) for _ in range(4)]
    assert await supervise(url, tmp_path) == 4  # one beside the others, three alone
    with pytest.raises(JobFailedError, match="JobCrashedError: 3 workers died while running it"):
        await naq.fetch_job_result(guilty, config=url, timeout=0)
    attempts = [await naq.fetch_job_result(each, config=url, timeout=0) for each in neighbours]
    assert attempts == [1] * 8


async def test_two_jobs_that_kill_their_workers_are_both_found_out(
    url: str, tmp_path: Path
) -> None:
    guilty = [await naq.enqueue("tasks:crash", config=url, max_crashes=1) for _ in range(2)]
    innocent = [await naq.enqueue("tasks:neighbour", 0.2, config=url) for _ in range(4)]
    assert await supervise(url, tmp_path) == 3
    for each in guilty:
        with pytest.raises(JobFailedError, match="1 worker died while running it alone"):
            await naq.fetch_job_result(each, config=url, timeout=0)
    for each in innocent:
        assert await naq.fetch_job_result(each, config=url, timeout=0) == 1


async def test_the_worker_sets_the_limit_for_jobs_that_do_not(url: str, tmp_path: Path) -> None:
    job = await naq.enqueue("tasks:crash", config=url)
    assert await supervise(url, tmp_path, "--max-crashes", "1") == 2
    with pytest.raises(JobFailedError, match="1 worker died while running it alone"):
        await naq.fetch_job_result(job, config=url, timeout=0)


async def test_a_job_that_blocks_its_worker_fails_and_its_neighbours_complete(
    url: str, tmp_path: Path
) -> None:
    neighbours = [await naq.enqueue("tasks:neighbour", 0.1, config=url) for _ in range(4)]
    guilty = await naq.enqueue("tasks:block", config=url, max_crashes=1)
    assert await supervise(url, tmp_path, "--block-limit", "0.5") == 2
    with pytest.raises(JobFailedError, match="1 worker died while running it alone"):
        await naq.fetch_job_result(guilty, config=url, timeout=0)
    for each in neighbours:
        assert await naq.fetch_job_result(each, config=url, timeout=0) == 1


@pytest.mark.parametrize("function", ["bloat", "bloat_in_the_loop"])
async def test_a_job_that_takes_its_workers_memory_fails_and_its_neighbours_complete(
    url: str, tmp_path: Path, function: str
) -> None:
    neighbours = [await naq.enqueue("tasks:neighbour", 0.5, config=url) for _ in range(4)]
    guilty = await naq.enqueue(f"tasks:{function}", config=url, retries=5, max_crashes=2)
    neighbours += [await naq.enqueue("tasks:neighbour", 0.5, config=url) for _ in range(4)]
    # Two that it had to itself, and one before where its neighbours had not ended.
    assert await supervise(url, tmp_path, "--max-memory", "150m") in (2, 3)
    with pytest.raises(JobFailedError, match=r"2 workers died .* alone: the last one had .* MiB"):
        await naq.fetch_job_result(guilty, config=url, timeout=0)
    for each in neighbours:
        assert await naq.fetch_job_result(each, config=url, timeout=0) == 1


async def test_a_worker_whose_only_job_takes_its_memory_charges_it_at_once(
    url: str, tmp_path: Path
) -> None:
    job = await naq.enqueue("tasks:bloat", config=url, max_crashes=1)
    assert await supervise(url, tmp_path, "--max-memory", "150m") == 1
    with pytest.raises(JobFailedError, match="1 worker died while running it alone: the last one"):
        await naq.fetch_job_result(job, config=url, timeout=0)


async def test_a_limit_below_the_memory_of_an_idle_worker_is_an_error_at_once(
    url: str, tmp_path: Path
) -> None:
    process = await start(url, tmp_path, "--max-memory", "1m", stderr=subprocess.PIPE)
    _, printed = await process.communicate()
    assert process.returncode == 1
    assert b"without a job, more than its max_memory of 1 MiB: raise it" in printed


async def test_a_job_whose_worker_died_once_completes_at_its_first_attempt(
    url: str, tmp_path: Path
) -> None:
    job = await naq.enqueue("tasks:crash_once", str(tmp_path / "seen"), config=url)
    assert await supervise(url, tmp_path) == 1
    assert await naq.fetch_job_result(job, config=url, timeout=0) == 1


async def test_workers_killed_from_outside_cost_no_job_an_attempt(url: str, tmp_path: Path) -> None:
    jobs = [await naq.enqueue("tasks:neighbour", 0.2, config=url) for _ in range(60)]
    for _ in range(3):
        process = await start(url, tmp_path, "--concurrency", "5")
        await asyncio.sleep(2)
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()
    await supervise(url, tmp_path)
    for each in jobs:
        assert await naq.fetch_job_result(each, config=url, timeout=0) == 1


running: list[str] = []
overlaps: list[tuple[str, ...]] = []


async def overlap(name: str) -> None:
    running.append(name)
    await asyncio.sleep(0.05)
    overlaps.append(tuple(running))
    running.remove(name)


async def deliver_and_forget(url: str, count: int) -> None:
    """Take jobs as a worker does that dies at once."""
    async with naq.nats_jetstream(url) as (_, js):
        subscription = await js.pull_subscribe_bind("naq_default", "naq_jobs")
        await subscription.fetch(count, timeout=5)
        await subscription.unsubscribe()


async def test_suspects_run_one_at_a_time_and_the_others_together(url: str) -> None:
    running.clear()
    overlaps.clear()
    queue = naq.Queue(config=url)
    assert await queue.dequeue(timeout=0.1) is None  # makes the consumer
    async with naq.nats_jetstream(url) as (_, js):
        await js.delete_consumer("naq_jobs", "naq_default")
    for number in range(3):
        await queue.enqueue(overlap, f"suspect-{number}")
    await naq.Worker(config=url, ack_wait=0.3, burst=True, queues="other").run()
    from naq.streams import ensure_consumer

    async with naq.nats_jetstream(url) as (_, js):
        await ensure_consumer(js, Names(), "default", 0.3)
    await deliver_and_forget(url, 3)
    for number in range(6):
        await queue.enqueue(overlap, f"fresh-{number}")
    async with asyncio.timeout(20):
        await naq.Worker(config=url, ack_wait=0.3, burst=True).run()
    alone = {names for names in overlaps if any("suspect" in name for name in names)}
    assert alone == {("suspect-0",), ("suspect-1",), ("suspect-2",)}
    assert any(len(names) > 1 for names in overlaps)


async def attempts_and_fail() -> None:
    context = current_job()
    assert context is not None
    raise ValueError(context.attempt)


async def test_a_retried_job_is_no_suspect(url: str) -> None:
    job = await naq.enqueue(attempts_and_fail, retries=2, config=url)
    await naq.Worker(config=url, burst=True).run()
    with pytest.raises(JobFailedError, match="ValueError: 3"):
        await naq.fetch_job_result(job, config=url, timeout=0)
    async with nats_kv_store("job_status", url) as kv:
        record = JobRecord.deserialize((await kv.get(job.job_id)).value)
    assert (record.failures, record.crashes) == (3, 0)


async def test_jobs_that_a_stopping_worker_gave_back_are_no_suspects(url: str) -> None:
    jobs = [Job(overlap, (str(number),)) for number in range(20)]
    await naq.Queue(config=url).enqueue_many(jobs)
    worker = naq.Worker(config=url, concurrency=1, prefetch=10, shutdown_timeout=0.01)
    task = asyncio.create_task(worker.run())
    await asyncio.sleep(0.3)
    worker.stop()
    await task
    overlaps.clear()
    began = time.monotonic()
    await naq.Worker(config=url, burst=True).run()
    assert max(map(len, overlaps)) > 1, time.monotonic() - began


@pytest.mark.parametrize("make", [naq.Worker, lambda **settings: Job("os:getpid", **settings)])
def test_a_limit_below_one_is_refused(make: Any) -> None:
    with pytest.raises(JobError, match=r"max_crashes must be .*1 or more, not 0"):
        make(max_crashes=0)
