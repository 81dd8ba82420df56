"""Events and progress of jobs and workers."""

from __future__ import annotations

import asyncio
import math
import shutil
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import naq
from naq.config import Config
from naq.exceptions import JobError, SerializationError
from naq.models.event import Event
from naq.progress import Progress
from naq.server import NatsServer
from naq.streams import ensure_stream, event_stream


async def climb() -> None:
    for step in range(5):
        naq.report_progress(step / 4, f"step {step}")
        await asyncio.sleep(0.3)


def climb_in_a_thread() -> None:
    naq.report_progress(0.5, threading.current_thread().name)


async def work(url: str, *, events: bool = True) -> None:
    async with asyncio.timeout(20):
        await naq.Worker(config=url, burst=True, events=events).run()


async def test_a_jobs_life_is_on_the_stream_of_events(url: str) -> None:
    job = await naq.enqueue(math.sqrt, 4, config=url)
    await work(url)
    events = await ends(url)
    assert [event.type for event in events] == ["job.completed"]
    assert events[0].data["job_id"] == job.job_id
    assert events[0].data["duration"] >= 0


async def ends(url: str) -> list[Event]:
    """Return the events of jobs without starts, which only a slow machine publishes."""
    events = await naq.EventManager(url).history("job.*")
    return [event for event in events if event.type != "job.started"]


async def test_a_long_job_publishes_its_start(url: str) -> None:
    await naq.enqueue(climb, config=url)
    await work(url)
    events = await naq.EventManager(url).history("job.*")
    assert [event.type for event in events] == ["job.started", "job.completed"]


async def test_a_workers_life_is_there_too(url: str) -> None:
    await work(url)
    events = await naq.EventManager(url).history("worker.*")
    assert [event.type for event in events] == ["worker.started", "worker.stopped"]


async def test_a_worker_may_keep_silent(url: str) -> None:
    await naq.enqueue(math.sqrt, 4, config=url)
    await work(url, events=False)
    assert await naq.EventManager(url).history() == []


async def test_the_event_of_a_failure_has_its_reason(url: str) -> None:
    await naq.enqueue(math.sqrt, -1, config=url, retries=1)
    await work(url)
    events = await ends(url)
    assert [event.type for event in events] == ["job.retrying", "job.failed"]
    assert "ValueError" in events[1].data["error"]


async def test_history_can_be_cut_by_time_and_number(url: str) -> None:
    manager = naq.EventManager(url)
    assert await manager.history() == []
    for number in range(5):
        await manager.publish_event("mine", {"number": number})
    events = await manager.history(limit=2)
    assert [event.data["number"] for event in events] == [3, 4]
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert await manager.history(since=tomorrow) == []


async def test_events_can_be_watched_as_they_come(url: str) -> None:
    manager = naq.EventManager(url)
    seen: list[Event] = []

    async def watch() -> None:
        async for event in manager.watch("mine.*", since=datetime.now(UTC) - timedelta(hours=1)):
            seen.append(event)
            if len(seen) == 3:
                return

    watching = asyncio.create_task(watch())
    for number in range(3):
        await manager.publish_event("other", {})
        await manager.publish_event("mine.now", {"number": number})
    async with asyncio.timeout(10):
        await watching
    assert [event.data["number"] for event in seen] == [0, 1, 2]


@pytest.mark.parametrize("forgotten", [False, True], ids=["kept", "forgotten"])
async def test_a_watch_of_events_goes_on_after_a_restart_of_the_server(
    url: str, nats_server: NatsServer, forgotten: bool
) -> None:
    manager = naq.EventManager(url)
    await manager.publish_event("mine", {"number": 0})
    seen: list[int] = []

    async def watch() -> None:
        async for event in manager.watch("mine"):
            number = event.data["number"]
            seen.append(number)

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0.3)  # it begins, and nothing comes
    nats_server.kill()
    await asyncio.sleep(0.05)
    if forgotten:
        shutil.rmtree(nats_server.directory / "store")
    nats_server.start()
    await ensure_event_stream(url)
    for number in range(1, 4):
        await naq.EventManager(url).publish_event("mine", {"number": number})
    async with asyncio.timeout(10):
        while len(seen) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    watching.cancel()
    assert seen == [1, 2, 3]


async def ensure_event_stream(url: str) -> None:
    async with naq.nats_jetstream(url) as (_, js):
        await ensure_stream(js, event_stream(Config()))


async def test_stats_count_what_happened(url: str) -> None:
    for number in (4, 9, -1):
        await naq.enqueue(math.sqrt, number, config=url)
    await work(url)
    stats = await naq.EventManager(url).stats(60)
    assert stats.counts["job.completed"] == 2
    assert stats.queues == {"default": {"completed": 2, "failed": 1}}
    assert stats.rate == 2 / 60


async def test_a_system_event_is_stored_when_the_publisher_returns(url: str) -> None:
    manager = naq.EventManager(url)
    await manager.publish_system_event("started", {"a": 1})
    async with naq.nats_jetstream(url) as (_, js):
        msg = await js.get_last_msg("system_events", "system_events")
    assert Event.deserialize(msg.data or b"").data == {"a": 1}


async def test_what_json_cannot_say_is_no_event(url: str) -> None:
    with pytest.raises(SerializationError, match="event mine"):
        await naq.EventPublisher(url).publish_event("mine", {"a": object()})


async def test_the_progress_of_a_job_can_be_watched_to_its_end(url: str) -> None:
    job = await naq.enqueue(climb, config=url)
    assert await naq.get_progress(job.job_id, url) is None

    async def watch() -> list[Progress]:
        return [progress async for progress in naq.watch_progress(job.job_id, url)]

    watching = asyncio.create_task(watch())
    await work(url)
    async with asyncio.timeout(10):
        seen = await watching
    assert [progress.fraction for progress in seen] == sorted({p.fraction for p in seen})
    assert seen[-1].message == "step 4"
    assert len(seen) > 2


async def test_a_thread_can_tell_its_progress(url: str) -> None:
    job = await naq.enqueue(climb_in_a_thread, config=url)
    await work(url)
    progress = await naq.get_progress(job.job_id, url)
    assert progress is not None
    assert (progress.fraction, progress.message[:7]) == (0.5, "naq-job")


async def test_an_isolated_job_reports_its_progress(url: str) -> None:
    job = await naq.enqueue("naq:report_progress", 0.25, "a\nb", config=url, isolated=True)
    await work(url)
    progress = await naq.get_progress(job.job_id, url)
    assert progress is not None
    assert (progress.fraction, progress.message) == (0.25, "a\nb")
    assert await naq.fetch_job_result(job, config=url, timeout=0) is None


def test_outside_of_a_job_progress_goes_nowhere() -> None:
    naq.report_progress(0.5)
    with pytest.raises(JobError, match="from 0 to 1"):
        naq.report_progress(1.5)


def fail_halfway() -> None:
    naq.report_progress(0.5)
    raise ValueError("no")


def say_nothing() -> None: ...


async def watch(url: str, job_id: str) -> list[float]:
    async with asyncio.timeout(15):
        return [each.fraction async for each in naq.watch_progress(job_id, url)]


@pytest.mark.parametrize(("function", "seen"), [(fail_halfway, [0.5]), (say_nothing, [])])
async def test_the_watch_of_a_job_that_ends_without_saying_1_ends(
    url: str, function: Any, seen: list[float]
) -> None:
    job = await naq.enqueue(function, config=url)
    watching = asyncio.create_task(watch(url, job.job_id))
    await asyncio.sleep(0.2)
    await work(url)
    assert await watching == seen
    assert await watch(url, job.job_id) == seen


async def test_the_watch_of_an_unknown_job_is_an_error(url: str) -> None:
    with pytest.raises(JobError, match="nothing is known of a job 'unknown'"):
        await watch(url, "unknown")
