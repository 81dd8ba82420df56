"""Schedules that a program stores at each of its starts, and clocks that are apart."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

import naq
from naq.buckets import ensure_buckets
from naq.config import Config
from naq.connection import close_all_connections, nats_kv_store
from naq.exceptions import NaqConnectionError, ScheduleError
from naq.models import Schedule, ScheduleStatus
from naq.names import Names
from naq.scheduling import clock
from naq.scheduling.scheduler import GROUP, Scheduler
from naq.server import NatsServer


@pytest.fixture
async def config(nats_server: NatsServer) -> AsyncIterator[Config]:
    yield Config(servers=(nats_server.url,), leader_ttl=1)
    await close_all_connections()


@contextlib.asynccontextmanager
async def a_scheduler(config: Config) -> AsyncIterator[Scheduler]:
    scheduler = Scheduler(config)
    task = asyncio.create_task(scheduler.run())
    try:
        yield scheduler
    finally:
        scheduler.stop()
        await task


async def stored(config: Config) -> Schedule:
    (schedule,) = await naq.list_schedules(config)
    return schedule


async def until_ended(config: Config) -> None:
    async with asyncio.timeout(20):
        while (await stored(config)).status is not ScheduleStatus.ENDED:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_schedule_stored_again_keeps_its_next_run(config: Config) -> None:
    await naq.schedule(math.sqrt, 4, job_id="s", interval=60, config=config)
    before = await stored(config)
    await naq.schedule(math.sqrt, 4, job_id="s", interval=60, config=config)
    assert (await stored(config)).run_at == before.run_at


async def test_a_schedule_stored_more_often_than_it_runs_still_runs(config: Config) -> None:
    async with a_scheduler(config):
        for _ in range(12):
            await naq.schedule(math.sqrt, 4, job_id="s", interval=0.5, config=config)
            await asyncio.sleep(0.25)
    assert await naq.Queue(config=config).size() >= 1


async def test_a_schedule_stored_again_stays_paused(config: Config) -> None:
    await naq.schedule(math.sqrt, 4, job_id="s", cron="0 3 * * *", config=config)
    await naq.pause_scheduled_job("s", config)
    await naq.schedule(math.sqrt, 4, job_id="s", cron="0 3 * * *", config=config)
    assert (await stored(config)).status is ScheduleStatus.PAUSED


async def test_a_schedule_stored_again_runs_no_more_often_than_it_is_to(config: Config) -> None:
    async with a_scheduler(config):
        for _ in range(10):
            await naq.schedule(math.sqrt, 4, job_id="s", interval=0.1, repeat=2, config=config)
            await asyncio.sleep(0.15)
        await until_ended(config)
        await naq.schedule(math.sqrt, 4, job_id="s", interval=0.1, repeat=2, config=config)
        await asyncio.sleep(0.3)
    assert await naq.Queue(config=config).size() == 2
    assert (await stored(config)).status is ScheduleStatus.ENDED


async def test_an_ended_schedule_cannot_be_resumed(config: Config) -> None:
    async with a_scheduler(config):
        await naq.schedule(math.sqrt, 4, job_id="s", interval=0.1, repeat=1, config=config)
        await until_ended(config)
    with pytest.raises(ScheduleError, match="all runs of the scheduled job 's' are made"):
        await naq.resume_scheduled_job("s", config)


async def test_a_schedule_with_other_times_starts_again(config: Config) -> None:
    await naq.schedule(math.sqrt, 4, job_id="s", interval=60, config=config)
    await naq.pause_scheduled_job("s", config)
    await naq.schedule(math.sqrt, 4, job_id="s", interval=30, config=config)
    assert (await stored(config)).interval == 30
    assert (await stored(config)).status is ScheduleStatus.ACTIVE


async def test_a_schedule_stored_again_takes_the_call_as_it_is_now(config: Config) -> None:
    await naq.schedule(math.sqrt, 4, job_id="s", interval=60, config=config)
    before = await stored(config)
    await naq.schedule(math.sqrt, 9, job_id="s", interval=60, config=config)
    assert naq.Job.deserialize((await stored(config)).payload).args == (9,)
    assert (await stored(config)).run_at == before.run_at


async def test_what_an_operator_has_changed_outlasts_a_start(config: Config) -> None:
    await naq.schedule(math.sqrt, 4, job_id="s", cron="0 3 * * *", config=config)
    await naq.modify_scheduled_job("s", config, cron="0 4 * * *")
    await naq.schedule(math.sqrt, 4, job_id="s", cron="0 3 * * *", config=config)
    assert (await stored(config)).cron == "0 4 * * *"


async def test_schedules_that_the_code_no_longer_defines_are_pruned(config: Config) -> None:
    for job_id, owner in [("kept", "app"), ("gone", "app"), ("foreign", "other")]:
        await naq.schedule(math.sqrt, 4, job_id=job_id, interval=60, owner=owner, config=config)
    await naq.enqueue_in(60, math.sqrt, 4, job_id="once", config=config)
    assert await naq.prune_schedules(["kept"], owner="app", config=config) == ["gone"]
    left = {schedule.job_id for schedule in await naq.list_schedules(config)}
    assert left == {"kept", "foreign", "once"}


@pytest.mark.parametrize("apart", [timedelta(minutes=2), timedelta(minutes=-2)])
async def test_a_scheduler_runs_by_the_server_s_clock(
    config: Config, monkeypatch: pytest.MonkeyPatch, apart: timedelta
) -> None:
    await naq.enqueue_in(60, math.sqrt, 4, job_id="later", config=config)
    await naq.enqueue_in(0.2, math.sqrt, 4, job_id="now", config=config)
    monkeypatch.setattr(clock, "local_time", lambda: datetime.now(UTC) + apart)
    async with a_scheduler(config):
        async with asyncio.timeout(20):
            while len(await naq.list_schedules(config)) > 1:  # noqa: ASYNC110 - on the server
                await asyncio.sleep(0.05)
    assert [each.job_id for each in await naq.list_schedules(config)] == ["later"]


@pytest.mark.parametrize("apart", [timedelta(minutes=2), timedelta(minutes=-2)])
async def test_a_delay_counts_from_the_server_s_time(
    config: Config, monkeypatch: pytest.MonkeyPatch, apart: timedelta
) -> None:
    monkeypatch.setattr(clock, "local_time", lambda: datetime.now(UTC) + apart)
    await naq.enqueue_in(60, math.sqrt, 4, config=config)
    run_at = (await stored(config)).run_at
    assert run_at is not None
    assert abs((run_at - datetime.now(UTC)).total_seconds() - 60) < 5


async def test_an_unreadable_schedule_hides_no_other(
    config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    await naq.enqueue_in(60, math.sqrt, 4, job_id="good", config=config)
    async with nats_kv_store(Names().scheduled_jobs, config) as kv:
        await kv.put("bad", b"\xff")
    assert [each.job_id for each in await naq.list_schedules(config)] == ["good"]
    assert "the schedule of job bad cannot be read" in caplog.text


async def test_an_unreadable_schedule_is_replaced_by_a_good_one(config: Config) -> None:
    await ensure_buckets(config, (Names().scheduled_jobs,))
    async with nats_kv_store(Names().scheduled_jobs, config) as kv:
        await kv.put("s", b"\xff")
    await naq.enqueue_in(60, math.sqrt, 4, job_id="s", config=config)
    assert (await stored(config)).job_id == "s"


async def test_an_unreadable_leader_does_not_end_a_scheduler(
    config: Config, eventually: Callable[[Callable[[], bool]], Awaitable[None]]
) -> None:
    await ensure_buckets(config, (Names().leaders,))
    async with nats_kv_store(Names().leaders, config) as kv:
        await kv.put(GROUP, b"[1]")
    async with a_scheduler(config) as scheduler:
        await eventually(lambda: scheduler.is_leader)


async def test_a_schedule_is_stored_through_an_outage(nats_server: NatsServer) -> None:
    config = Config(servers=(nats_server.url,), request_timeout=0.3, connect_timeout=0.3)
    await naq.schedule(math.sqrt, 4, job_id="j", interval=60, config=config)
    nats_server.pause()
    storing = asyncio.create_task(
        naq.schedule(math.sqrt, 9, job_id="j", interval=60, config=config)
    )
    await asyncio.sleep(1)
    assert not storing.done()
    nats_server.resume()
    assert (await storing).args == (9,)
    await close_all_connections()


async def test_storing_a_schedule_gives_up_with_a_documented_error(
    nats_server: NatsServer,
) -> None:
    config = Config(servers=(nats_server.url,), request_timeout=0.3, enqueue_timeout=0.5)
    await naq.schedule(math.sqrt, 4, interval=60, config=config)
    nats_server.pause()
    with pytest.raises(NaqConnectionError, match=r"cannot ask for the server's time within 0.5 s"):
        await naq.schedule(math.sqrt, 9, interval=60, config=config)
    nats_server.resume()
    await close_all_connections()
