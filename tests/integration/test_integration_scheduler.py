"""Schedulers at work on a real server: who triggers, when, and how often."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from nats.js.errors import KeyNotFoundError

from naq.buckets import ensure_buckets
from naq.config import Config
from naq.connection import close_all_connections, nats_jetstream, nats_kv_store
from naq.exceptions import ScheduleError
from naq.models import Job, MissedRuns, Schedule, ScheduleStatus
from naq.names import Names
from naq.queue import Queue
from naq.scheduling.leadership import Leadership
from naq.scheduling.scheduler import GROUP, Scheduler
from naq.server import NatsServer
from naq.streams import ensure_stream, job_stream
from naq.worker import Worker

Eventually = Callable[[Callable[[], bool]], Awaitable[None]]
TTL = 1.0


@pytest.fixture
async def config(nats_server: NatsServer) -> AsyncIterator[Config]:
    config = Config(servers=(nats_server.url,), leader_ttl=TTL)
    await ensure_buckets(config)
    async with nats_jetstream(config) as (_, js):
        await ensure_stream(js, job_stream(Config()))
    yield config
    await close_all_connections()


@contextlib.asynccontextmanager
async def running(*schedulers: Scheduler) -> AsyncIterator[None]:
    """Run schedulers for the time of the block."""
    tasks = [asyncio.create_task(scheduler.run()) for scheduler in schedulers]
    try:
        yield
    finally:
        for scheduler in schedulers:
            scheduler.stop()
        await asyncio.gather(*tasks)


def schedule(job_id: str, **values: Any) -> Schedule:
    return Schedule(job_id=job_id, payload=Job("os:getpid", job_id=job_id).serialize(), **values)


async def store(config: Config, *schedules: Schedule) -> None:
    scheduler = Scheduler(config)
    for one in schedules:
        await scheduler.store_scheduled_job(one.job_id, one)


async def enqueued(config: Config) -> list[str]:
    """Return the ids of the jobs in the stream, in order of arrival."""
    async with nats_jetstream(config) as (_, js):
        state = (await js.stream_info(Names().job_stream)).state
        if not state.messages:
            return []
        ids = []
        for sequence in range(state.first_seq, state.last_seq + 1):
            message = await js.get_msg(Names().job_stream, sequence)
            ids.append(Job.deserialize(message.data or b"").job_id)
    return ids


async def until_enqueued(config: Config, count: int) -> list[str]:
    async with asyncio.timeout(20):
        while True:
            ids = await enqueued(config)
            if len(ids) >= count:
                return ids
            await asyncio.sleep(0.02)


def soon(seconds: float = 0.0) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


async def test_a_job_is_enqueued_at_its_time(config: Config) -> None:
    async with running(Scheduler(config)):
        due = soon(0.3)
        await store(config, schedule("welcome", run_at=due))
        assert await until_enqueued(config, 1) == ["welcome"]
        assert soon() >= due
        await until_gone(config, "welcome")


async def until_gone(config: Config, job_id: str) -> None:
    async with asyncio.timeout(10):
        while True:
            if job_id not in {s.job_id for s in await Scheduler(config).get_scheduled_jobs()}:
                return
            await asyncio.sleep(0.01)


async def test_the_enqueued_job_is_the_one_that_was_scheduled(config: Config) -> None:
    job = Job("os:getenv", ("HOME",), job_id="home", timeout=7)
    await store(config, Schedule(job_id="home", run_at=soon(), payload=job.serialize()))
    async with running(Scheduler(config)):
        await until_enqueued(config, 1)
    async with nats_jetstream(config) as (_, js):
        message = await js.get_msg(Names().job_stream, 1)
    found = Job.deserialize(message.data or b"")
    assert (found.args, found.timeout, found.function_name) == (("HOME",), 7, "os:getenv")


async def test_runs_of_an_interval_have_ids_that_tell_their_times(config: Config) -> None:
    start = soon().replace(microsecond=0)
    await store(config, schedule("tick", interval=0.25, run_at=start))
    async with running(Scheduler(config)):
        ids = await until_enqueued(config, 4)
    assert ids[0] == f"tick.{start:%Y%m%dT%H%M%SZ}"
    assert len(set(ids)) == len(ids)


async def test_a_cron_without_a_time_gets_its_first_run(config: Config) -> None:
    await store(config, schedule("tick", cron="* * * * * *"))
    async with running(Scheduler(config)):
        assert (await until_enqueued(config, 1))[0].startswith("tick.")
    [stored] = await Scheduler(config).get_scheduled_jobs()
    assert stored.run_at is not None


async def test_repetitions_end(config: Config) -> None:
    await store(config, schedule("tick", interval=0.05, run_at=soon(), repeat=3))
    async with running(Scheduler(config)):
        await until_gone(config, "tick")
    assert len(await enqueued(config)) == 3


async def test_what_is_paused_or_removed_does_not_run(config: Config) -> None:
    await store(
        config,
        schedule("paused", run_at=soon(0.2), status=ScheduleStatus.PAUSED),
        schedule("removed", run_at=soon(0.2)),
    )
    async with running(Scheduler(config)):
        await Scheduler(config).remove_scheduled_job("removed")
        await store(config, schedule("last", run_at=soon(0.4)))
        assert await until_enqueued(config, 1) == ["last"]


async def test_a_missed_run_is_skipped_where_that_is_asked_for(config: Config) -> None:
    yesterday = soon(-86_400)
    await store(
        config,
        schedule("skipped", run_at=yesterday, missed_runs=MissedRuns.SKIP),
        schedule("late", run_at=yesterday),
    )
    async with running(Scheduler(config)):
        await until_gone(config, "skipped")
        await until_gone(config, "late")
    assert await enqueued(config) == ["late"]


async def test_a_bad_schedule_does_not_hold_up_the_others(
    config: Config, caplog: pytest.LogCaptureFixture, eventually: Eventually
) -> None:
    async with nats_kv_store(Names().scheduled_jobs, config) as kv:
        await kv.put("strange", b"\xff")
    await store(
        config,
        schedule("zone", cron="* * * * *", timezone="Mars/Olympus", run_at=soon()),
        Schedule(job_id="empty", run_at=soon()),
        schedule("good", run_at=soon()),
    )
    async with running(Scheduler(config)):
        assert await until_enqueued(config, 1) == ["good"]
        await eventually(lambda: "Mars/Olympus" in caplog.text and "empty" in caplog.text)
    assert "the scheduled job strange can't be read" in caplog.text


async def test_of_many_schedulers_one_leads_and_triggers(config: Config) -> None:
    schedulers = [Scheduler(config) for _ in range(3)]
    await store(config, *(schedule(f"j{n:02}", run_at=soon(0.2)) for n in range(20)))
    async with running(*schedulers):
        ids = await until_enqueued(config, 20)
        assert sum(scheduler.is_leader for scheduler in schedulers) == 1
    assert sorted(ids) == [f"j{n:02}" for n in range(20)]


async def test_a_scheduler_that_stops_hands_over_at_once(
    config: Config, eventually: Eventually
) -> None:
    first, second = Scheduler(config), Scheduler(config)
    async with running(first):
        await eventually(lambda: first.is_leader)
    assert not first.is_leader
    async with nats_kv_store(Names().leaders, config) as kv:
        with pytest.raises(KeyNotFoundError):
            await kv.get(GROUP)
    async with running(second):
        await eventually(lambda: second.is_leader)


async def test_a_run_published_before_a_crash_is_not_published_again(config: Config) -> None:
    """The trigger went out, the record did not: the next leader triggers the same run."""
    once = schedule("once", run_at=soon())
    for _ in range(2):
        await store(config, once)
        async with running(Scheduler(config)):
            await until_gone(config, "once")
    assert await enqueued(config) == ["once"]


async def test_a_run_that_has_ended_is_not_made_again_when_the_server_has_forgotten_it(
    config: Config,
) -> None:
    """As after a crash whose next leader comes too late for the server to know the message."""
    async with nats_jetstream(config) as (_, js):
        await js.update_stream(dataclasses.replace(job_stream(Config()), duplicate_window=0.1))
    once = schedule("once", run_at=soon(-300))
    ticks = schedule("tick", interval=200, run_at=soon(-300), missed_runs=MissedRuns.ALL)
    for _ in range(2):
        await store(config, once, ticks)
        async with running(Scheduler(config)):
            await until_gone(config, "once")
        await asyncio.sleep(0.2)
        worker = Worker(config=config, burst=True)
        await worker.run()
    assert worker.completed == 0
    await store(config, schedule("once", run_at=soon(-300)))
    async with running(Scheduler(config)):
        assert await until_enqueued(config, 1) == ["once"]


SCHEDULER = """
import asyncio, sys
from naq.config import Config
from naq.scheduling.scheduler import Scheduler
asyncio.run(Scheduler(Config(servers=(sys.argv[1],), leader_ttl=float(sys.argv[2]))).run())
"""


@pytest.fixture
def start_scheduler(config: Config) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Start schedulers in processes of their own."""
    processes: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, "-c", SCHEDULER, config.servers[0], str(TTL)])
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()


async def test_when_the_leader_is_killed_another_triggers_nothing_twice_or_never(
    config: Config, start_scheduler: Callable[[], subprocess.Popen[bytes]]
) -> None:
    start = soon(0.5).replace(microsecond=0)
    await store(config, schedule("tick", interval=0.1, run_at=start))
    first = start_scheduler()
    await until_enqueued(config, 5)
    start_scheduler()
    await asyncio.sleep(0.5)
    first.send_signal(signal.SIGKILL)
    before = len(await enqueued(config))
    ids = await until_enqueued(config, before + 25)
    expected = [start + n * timedelta(seconds=0.1) for n in range(len(ids))]
    assert ids == [
        f"tick.{time.strftime('%Y%m%dT%H%M%S.%fZ' if time.microsecond else '%Y%m%dT%H%M%SZ')}"
        for time in expected
    ]


async def test_a_leader_that_froze_triggers_nothing_twice(
    config: Config, start_scheduler: Callable[[], subprocess.Popen[bytes]]
) -> None:
    start = soon(0.5).replace(microsecond=0)
    await store(config, schedule("tick", interval=0.1, run_at=start))
    first = start_scheduler()
    await until_enqueued(config, 3)
    start_scheduler()
    await asyncio.sleep(0.5)
    first.send_signal(signal.SIGSTOP)
    await asyncio.sleep(2.5 * TTL)
    first.send_signal(signal.SIGCONT)
    ids = await until_enqueued(config, len(await enqueued(config)) + 10)
    assert len(set(ids)) == len(ids)


async def test_schedulers_go_on_after_a_restart_of_the_server(
    config: Config, nats_server: NatsServer
) -> None:
    async with running(Scheduler(config)):
        await store(config, schedule("before", run_at=soon()))
        await until_enqueued(config, 1)
        nats_server.kill()
        await asyncio.sleep(0.2)
        nats_server.start()
        await store(config, schedule("after", run_at=soon()))
        assert await until_enqueued(config, 2) == ["before", "after"]


async def test_schedulers_go_on_with_a_server_that_has_forgotten_everything(
    config: Config, nats_server: NatsServer, eventually: Eventually
) -> None:
    scheduler = Scheduler(config)
    async with running(scheduler):
        await eventually(lambda: scheduler.is_leader)
        nats_server.kill()
        await asyncio.sleep(0.05)
        shutil.rmtree(nats_server.directory / "store")
        nats_server.start()
        async with nats_jetstream(config) as (_, js):
            await ensure_stream(js, job_stream(Config()))
        await Queue(config=config).enqueue_in(0.1, "os:getpid", job_id="after")
        assert await until_enqueued(config, 1) == ["after"]


async def test_one_of_many_candidates_leads(config: Config) -> None:
    members = [Leadership(config, "test", f"m{n}") for n in range(10)]
    leading = await asyncio.gather(*(member.campaign() for member in members))
    assert sum(leading) == 1
    assert sum(member.leads for member in members) == 1


async def test_a_leader_that_goes_silent_is_followed_by_another(config: Config) -> None:
    silent, other = Leadership(config, "test", "silent"), Leadership(config, "test", "other")
    assert await silent.campaign()
    assert not await other.campaign()
    for _ in range(100):
        if await other.campaign():
            break
        await asyncio.sleep(other.pause)
    assert other.leads
    assert not silent.leads
    assert not await silent.campaign()


async def test_a_leader_that_renews_stays(config: Config) -> None:
    leader, other = Leadership(config, "test", "leader"), Leadership(config, "test", "other")
    for _ in range(20):
        assert await leader.campaign()
        assert not await other.campaign()
        await asyncio.sleep(leader.pause)


async def test_a_lease_written_without_an_answer_is_kept(config: Config) -> None:
    leader = Leadership(config, "test", "leader")
    assert await leader.campaign()
    async with nats_kv_store("leaders", config) as kv:
        await kv.put("test", b'{"member": "leader"}')  # as a renewal whose answer was lost
    await leader.campaign()
    assert leader.leads
    assert await leader.campaign()


@pytest.mark.parametrize("values", [{"cron": "61 * * * *"}, {"cron": "* * * * *", "timezone": "X"}])
async def test_what_no_scheduler_can_read_is_refused_at_once(
    config: Config, values: dict[str, str]
) -> None:
    with pytest.raises(ScheduleError):
        await Queue(config=config).schedule("os:getpid", **values)
    assert await Scheduler(config).get_scheduled_jobs() == []
