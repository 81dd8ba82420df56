"""A paused queue gives no jobs until it is resumed; a scheduled job runs now."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import naq
from naq.connection import close_all_connections
from naq.exceptions import ScheduleError
from naq.queue.overview import QueueInfo, list_queues
from naq.queue.pausing import pause_queue, resume_queue
from naq.results import Results
from naq.scheduling.store import run_scheduled_job
from naq.server import NatsServer


async def work(url: str, *queues: str) -> int:
    worker = naq.Worker(queues or "default", config=url, burst=True)
    await worker.run()
    return worker.completed


async def test_a_paused_queue_gives_no_jobs(url: str) -> None:
    await naq.enqueue("math:sqrt", 4, config=url)
    await pause_queue("default", url)
    assert await work(url) == 0
    assert await list_queues(url) == [QueueInfo("default", 1, 0, paused=True)]
    await resume_queue("default", url)
    assert await work(url) == 1


async def test_a_worker_that_runs_takes_jobs_as_soon_as_its_queue_is_resumed(url: str) -> None:
    worker = naq.Worker("a.b/ü", config=url)
    running = asyncio.create_task(worker.run())
    await naq.enqueue("math:sqrt", 4, queue="a.b/ü", job_id="first", config=url)
    assert await naq.fetch_job_result("first", config=url, timeout=20) == 2
    await pause_queue("a.b/ü", url)
    await naq.enqueue("math:sqrt", 9, queue="a.b/ü", job_id="second", config=url)
    await asyncio.sleep(0.5)
    assert await Results(url).get_result("second") is None
    await resume_queue("a.b/ü", url)
    assert await naq.fetch_job_result("second", config=url, timeout=20) == 3
    worker.stop()
    await running


async def test_other_queues_of_the_worker_go_on(url: str) -> None:
    await pause_queue("slow", url)
    await naq.enqueue("math:sqrt", 4, queue="slow", config=url)
    await naq.enqueue("math:sqrt", 4, queue="fast", config=url)
    assert await work(url, "slow", "fast") == 1


async def test_a_queue_that_nobody_knows_yet_can_be_paused(url: str) -> None:
    await pause_queue("to.come", url)
    assert [(each.name, each.paused) for each in await list_queues(url)] == [("to.come", True)]


async def test_a_pause_outlasts_the_server_and_the_workers(tmp_path: Path) -> None:
    server = NatsServer(tmp_path)
    server.start()
    try:
        await naq.enqueue("math:sqrt", 4, config=server.url)
        await pause_queue("default", server.url)
        assert await work(server.url) == 0
        server.kill()
        server.start()
        await close_all_connections()
        assert await work(server.url) == 0
        await resume_queue("default", server.url)
        assert await work(server.url) == 1
    finally:
        await close_all_connections()
        server.stop()


async def test_resuming_a_queue_that_is_not_paused_changes_nothing(url: str) -> None:
    await naq.enqueue("math:sqrt", 4, config=url)
    await resume_queue("default", url)
    assert await work(url) == 1


async def test_a_job_scheduled_once_runs_now_and_only_once(url: str) -> None:
    await naq.enqueue_in(3600, "math:sqrt", 4, job_id="j", config=url)
    assert await run_scheduled_job("j", url) == "j"
    assert await work(url) == 1
    assert await naq.list_schedules(url) == []
    with pytest.raises(ScheduleError, match="there is no scheduled job 'j'"):
        await run_scheduled_job("j", url)


async def test_a_recurring_job_runs_once_more_and_keeps_its_times(url: str) -> None:
    await naq.schedule("math:sqrt", 4, interval=3600, job_id="often", config=url)
    (before,) = await naq.list_schedules(url)
    run = await run_scheduled_job("often", url)
    assert run.startswith("often.")
    assert await work(url) == 1
    assert await Results(url).get_result(run) == 2
    assert await naq.list_schedules(url) == [before]
