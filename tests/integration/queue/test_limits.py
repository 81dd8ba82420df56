"""Limits: unique jobs, schedules that do not overlap, so many jobs of a key at once or a second."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig

import naq
from naq.buckets import ensure_buckets
from naq.connection import close_all_connections, nats_jetstream
from naq.exceptions import JobError, NaqConnectionError, ScheduleError
from naq.jobs.patience import with_retries
from naq.models import Job
from naq.models.status import JOB_STATUS, Enqueued
from naq.scheduling.store import run_scheduled_job
from naq.server import NatsServer
from naq.worker import slots

ran: list[Any] = []


async def note(what: Any = None, seconds: float = 0.0) -> Any:
    ran.append(what)
    await asyncio.sleep(seconds)
    return what


async def begin() -> None:
    ran.append(time.monotonic())
    await asyncio.sleep(0.2)


async def fail() -> None:
    raise ValueError("no")


@pytest.fixture(autouse=True)
def _nothing_ran() -> None:
    ran.clear()


async def work(url: str, **settings: Any) -> None:
    async with asyncio.timeout(30):
        await naq.Worker(config=url, burst=True, **settings).run()


# Unique


async def test_equal_calls_are_one_job_while_it_is_queued(url: str) -> None:
    first = await naq.enqueue(note, {"b": 1, "a": 2}, unique=True, config=url)
    again = await naq.enqueue(note, {"a": 2, "b": 1}, unique=True, config=url)
    other = await naq.enqueue(note, {"a": 3}, unique=True, config=url)
    assert (first.enqueued, again.enqueued) == (Enqueued.NEW, Enqueued.QUEUED)
    assert again.job_id == first.job_id != other.job_id
    assert await naq.queue_sizes(url) == {"default": 2}


async def test_an_equal_call_is_a_new_job_as_soon_as_the_first_has_ended(url: str) -> None:
    for _ in range(3):
        job = await naq.enqueue(note, "x", unique=True, config=url)
        assert job.enqueued is Enqueued.NEW
        await work(url)
    assert ran == ["x"] * 3


async def test_a_window_holds_after_the_job_has_succeeded(url: str) -> None:
    for expected in (Enqueued.NEW, Enqueued.DONE, Enqueued.DONE):
        job = await naq.enqueue(note, "x", unique=timedelta(hours=1), config=url)
        assert job.enqueued is expected
        await work(url)
    assert ran == ["x"]


async def test_a_window_ends(url: str) -> None:
    await naq.enqueue(note, "x", unique=0.5, config=url)
    await work(url)
    await asyncio.sleep(0.6)
    job = await naq.enqueue(note, "x", unique=0.5, config=url)
    assert job.enqueued is Enqueued.NEW
    await work(url)
    assert ran == ["x", "x"]


async def test_a_job_that_has_failed_keeps_no_other_out(url: str) -> None:
    for _ in range(2):
        job = await naq.enqueue(fail, unique=3600, config=url)
        assert job.enqueued is Enqueued.NEW
        await work(url)


async def test_again_runs_a_unique_job_within_its_window(url: str) -> None:
    await naq.enqueue(note, "x", unique=3600, config=url)
    await work(url)
    await naq.Queue(config=url).enqueue(note, "x", unique=3600, again=True)
    await work(url)
    assert ran == ["x", "x"]


async def test_a_job_id_is_the_key_where_there_is_one(url: str) -> None:
    await naq.enqueue(note, 1, job_id="invoice-7", unique=3600, config=url)
    await work(url)
    second = await naq.enqueue(note, 2, job_id="invoice-7", unique=3600, config=url)
    assert second.enqueued is Enqueued.DONE


async def test_many_who_enqueue_at_once_enqueue_one_job(url: str) -> None:
    worker = naq.Worker(config=url)
    running = asyncio.create_task(worker.run())
    for _ in range(4):  # while jobs end
        await asyncio.gather(*(naq.enqueue(note, "x", unique=3600, config=url) for _ in range(25)))
        await asyncio.sleep(0.02)
    worker.stop()
    await running
    assert ran == ["x"]


async def test_a_window_outlasts_what_a_killed_server_remembers(tmp_path: Path) -> None:
    server = NatsServer(tmp_path)
    server.start()
    try:
        await naq.enqueue(note, "x", unique=3600, config=server.url)
        late = Job(note, ("x",), unique=3600)

        async def publish(_conn: Client, js: JetStreamContext, _wait: float) -> None:
            await js.publish(f"naq.jobs.default.{late.job_id}", late.serialize())

        await work(server.url)
        server.kill()
        server.start()
        # As a client whose look at the results came before the first run.
        await with_retries(naq.Config(servers=(server.url,)), "publish", publish)
        await work(server.url)
        assert ran == ["x"]
    finally:
        await close_all_connections()
        server.stop()


async def test_a_worker_that_is_killed_costs_a_unique_job_nothing(url: str) -> None:
    job = await naq.enqueue(note, "x", unique=3600, config=url)
    async with nats_jetstream(url) as (_, js):  # a worker that takes it and dies
        queue = naq.Queue(config=url)
        assert await queue.size() == 1
        config = ConsumerConfig(ack_policy=AckPolicy.EXPLICIT, ack_wait=0.5)
        consumer = await js.pull_subscribe(
            "naq.jobs.default.*", "naq_default", stream="naq_jobs", config=config
        )
        await consumer.fetch(1)
    again = await naq.enqueue(note, "x", unique=3600, config=url)
    assert again.enqueued is Enqueued.QUEUED
    await work(url, ack_wait=0.5)
    assert await naq.fetch_job_result(job, timeout=5, config=url) == "x"
    assert ran == ["x"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"unique": 0}, "True or a positive number of seconds, not 0"),
        ({"unique": -1.0}, "True or a positive number of seconds"),
        ({"unique": 60, "keep_result": False}, "known by its result: keep it"),
    ],
)
def test_a_window_that_makes_no_sense_is_refused(settings: Any, message: str) -> None:
    with pytest.raises(JobError, match=message):
        Job(note, **settings)


def test_arguments_without_a_form_in_json_are_refused() -> None:
    with pytest.raises(JobError, match="no form in JSON: give the job a job_id instead"):
        Job(note, (object(),), unique=True)
    assert Job(note, (Decimal("1.5"), {3, 1, 2}), unique=True).job_id.startswith("unique-")


async def test_a_window_longer_than_results_are_kept_is_refused(url: str) -> None:
    with pytest.raises(JobError, match="unique for 7200 s, and its result is kept for 3600 s"):
        await naq.enqueue(note, unique=7200, result_ttl=3600, config=url)


# Schedules


async def test_a_schedule_does_not_overlap_itself(url: str) -> None:
    scheduler = naq.Scheduler(naq.Config(servers=(url,), leader_ttl=1))
    running = asyncio.create_task(scheduler.run())
    await naq.schedule(note, "x", 1.2, interval=0.25, job_id="s", overlap=False, config=url)
    worker = naq.Worker(config=url, concurrency=5)
    working = asyncio.create_task(worker.run())
    began = time.monotonic()
    while time.monotonic() - began < 4:
        assert sum((await naq.queue_sizes(url)).values()) <= 1
        await asyncio.sleep(0.1)
    scheduler.stop()
    worker.stop()
    await asyncio.gather(running, working)
    assert 2 <= len(ran) <= 4
    info = await naq.get_job("s.run", url)
    assert info is not None
    assert info.status in (JOB_STATUS.COMPLETED, JOB_STATUS.QUEUED)


async def test_such_a_schedule_is_run_now_only_if_no_run_is_queued(url: str) -> None:
    await naq.schedule(note, "x", interval=3600, job_id="s", overlap=False, config=url)
    for _ in range(2):  # within the two minutes for which the server remembers an id
        assert await run_scheduled_job("s", url) == "s.run"
        with pytest.raises(ScheduleError, match="'s' has a run that is not over"):
            await run_scheduled_job("s", url)
        await work(url)
    assert ran == ["x", "x"]


async def test_a_recurring_job_cannot_be_unique(url: str) -> None:
    with pytest.raises(ScheduleError, match="use overlap=False"):
        await naq.schedule(note, interval=1, unique=True, config=url)


# So many at once


TASKS = """
import asyncio, os, time
from pathlib import Path

async def note(folder, seconds):
    mark = Path(folder) / f"{os.getpid()}-{time.time_ns()}"
    mark.touch()
    with open(Path(folder) / "log", "a") as log:
        log.write(f"{len(list(Path(folder).glob('*-*')))} {time.time()}\\n")
    await asyncio.sleep(seconds)
    mark.unlink()

async def die_once(folder):
    if not (Path(folder) / "died").exists():
        (Path(folder) / "died").touch()
        os._exit(1)
"""


def marks(folder: Path) -> list[tuple[int, float]]:
    """Return how many ran when each began, and when that was."""
    lines = (folder / "log").read_text(encoding="utf-8").splitlines()
    return [(int(count), float(at)) for count, at in map(str.split, lines)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "limited.py").write_text(TASKS, encoding="utf-8")
    made = tmp_path / "notes"
    made.mkdir()
    return made


async def start(url: str, folder: Path, *words: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from naq.cli.main import main; main()", "worker", "--url", url,
        "--ack-wait", "1", *words, cwd=folder.parent, stderr=subprocess.DEVNULL,
    )  # fmt: skip


async def until_ended(url: str, jobs: list[Job], timeout: float = 40) -> None:
    async with asyncio.timeout(timeout):
        for job in jobs:
            while True:
                try:
                    await naq.fetch_job_result(job, config=url)
                    break
                except NaqConnectionError:  # the server is not there yet
                    await asyncio.sleep(0.1)


async def end(processes: list[asyncio.subprocess.Process]) -> None:
    for process in processes:
        if process.returncode is None:
            process.terminate()
    await asyncio.gather(*(process.wait() for process in processes))


async def test_no_more_jobs_of_a_key_run_at_once_over_all_workers(url: str, folder: Path) -> None:
    limit = naq.Limit("api", at_once=2)
    jobs = [
        await naq.enqueue("limited:note", str(folder), 0.1, limit=limit, config=url)
        for _ in range(20)
    ]
    workers = [await start(url, folder) for _ in range(2)]
    try:
        await until_ended(url, jobs)
    finally:
        await end(workers)
    began = marks(folder)
    assert len(began) == 20
    assert max(count for count, _ in began) == 2
    assert began[-1][1] - began[0][1] < 15  # and they need not wait for long


async def test_the_next_job_of_a_key_starts_as_soon_as_one_has_ended(url: str) -> None:
    limit = naq.Limit("k", at_once=1)
    for _ in range(12):
        await naq.enqueue(begin, limit=limit, config=url)
    await work(url)
    assert len(ran) == 12
    assert max(after - before for before, after in pairwise(ran)) < 1


async def test_jobs_without_the_limit_go_past_those_that_wait(url: str) -> None:
    for _ in range(5):
        await naq.enqueue(note, "limited", 0.4, limit=naq.Limit("k", at_once=1), config=url)
    for _ in range(20):
        await naq.enqueue(note, "free", config=url)
    await work(url)
    assert ran.index("free") <= 1
    assert ran[-1] == "limited"
    assert ran[2:22] == ["free"] * 20 or ran.count("free") == 20
    assert ran[-3:] == ["limited"] * 3


async def test_a_killed_worker_frees_its_slots_and_the_limit_holds(url: str, folder: Path) -> None:
    limit = naq.Limit("api", at_once=1)
    jobs = [await naq.enqueue("limited:die_once", str(folder), limit=limit, config=url)]
    jobs += [
        await naq.enqueue("limited:note", str(folder), 0.1, limit=limit, config=url)
        for _ in range(5)
    ]
    first = await start(url, folder)
    assert await asyncio.wait_for(first.wait(), 30) == 1
    workers = [await start(url, folder) for _ in range(2)]
    try:
        await until_ended(url, jobs)
    finally:
        await end(workers)
    assert max(count for count, _ in marks(folder)) == 1


async def test_a_slot_of_a_job_that_nobody_has_any_more_ends_with_its_lease(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "LEASE", 1.0)
    monkeypatch.setattr(slots, "RENEW", 0.3)
    await ensure_buckets(url)
    names = naq.Config().names
    async with nats_jetstream(url) as (conn, js):
        store = slots.SlotStore(names, conn, js)
        limit = naq.Limit("k", at_once=1)
        assert await store.take(limit, ["gone"]) is not None
        assert await store.take(limit, ["other"]) is None
        assert await store.take(limit, ["gone"]) is not None
    await naq.enqueue(note, "x", limit=limit, config=url)
    began = time.monotonic()
    await work(url)
    assert ran == ["x"]
    assert time.monotonic() - began > 0.5


async def test_a_slot_is_freed_although_it_is_renewed_at_the_same_moment(url: str) -> None:
    await ensure_buckets(url)
    limit = naq.Limit("k", at_once=1)
    async with nats_jetstream(url) as (conn, js):
        store = slots.SlotStore(naq.Config().names, conn, js)
        slot = await store.take(limit, ["a"])
        assert slot is not None
        before = replace(slot)
        assert await store.renew(slot)
        await store.free(before)
        assert await store.take(limit, ["b"]) is not None
        assert not await store.renew(slot)


async def test_the_slot_of_a_job_that_another_worker_has_taken_over_is_not_freed(url: str) -> None:
    await ensure_buckets(url)
    limit = naq.Limit("k", at_once=1)
    async with nats_jetstream(url) as (conn, js):
        first, second = (slots.SlotStore(naq.Config().names, conn, js) for _ in range(2))
        slot = await first.take(limit, ["a"])
        assert slot is not None
        assert await second.take(limit, ["other", "a"]) is not None
        await first.free(slot)
        assert await first.take(limit, ["b"]) is None


@pytest.mark.parametrize("value", [b"nonsense", b"\xff", b"1e300", b"nan"])
async def test_a_bad_entry_does_not_stop_the_jobs_of_a_limit(url: str, value: bytes) -> None:
    await ensure_buckets(url)
    async with naq.nats_kv_store("job_limits", url) as kv:
        await kv.put("turn.k", value)
    await naq.enqueue(note, "x", limit=naq.Limit("k", per_second=10), config=url)
    await work(url)
    assert ran == ["x"]


async def test_the_limit_holds_when_the_server_is_killed(tmp_path: Path, folder: Path) -> None:
    server = NatsServer(tmp_path / "server")
    server.directory.mkdir()
    server.start()
    limit = naq.Limit("api", at_once=2)
    url = server.url
    jobs = [
        await naq.enqueue("limited:note", str(folder), 0.4, limit=limit, config=url)
        for _ in range(16)
    ]
    workers = [await start(url, folder, "--ack-wait", "5") for _ in range(2)]
    try:
        for _ in range(2):
            await asyncio.sleep(2)
            server.kill()
            server.start()
        await until_ended(url, jobs)
    finally:
        await end(workers)
        await close_all_connections()
        server.stop()
    assert max(count for count, _ in marks(folder)) <= 2


async def test_a_cancelled_job_does_not_run_when_its_slot_comes(url: str) -> None:
    limit = naq.Limit("k", at_once=1)
    await naq.enqueue(note, "first", 1.5, limit=limit, config=url)
    late = await naq.enqueue(note, "late", limit=limit, config=url)
    working = asyncio.create_task(work(url))
    await asyncio.sleep(0.7)
    assert await naq.cancel_job(late.job_id, url)
    await working
    assert ran == ["first"]


# So many a second


async def test_no_more_jobs_of_a_key_start_in_a_second(url: str, folder: Path) -> None:
    limit = naq.Limit("api", per_second=5)
    jobs = [
        await naq.enqueue("limited:note", str(folder), 0, limit=limit, config=url)
        for _ in range(16)
    ]
    workers = [await start(url, folder) for _ in range(2)]
    try:
        await until_ended(url, jobs)
    finally:
        await end(workers)
    times = sorted(at for _, at in marks(folder))
    for first, sixth in zip(times, times[6:], strict=False):
        assert sixth - first > 0.9
    assert times[-1] - times[0] < 10


async def test_a_rate_outlasts_a_worker_and_a_server(tmp_path: Path) -> None:
    server = NatsServer(tmp_path)
    server.start()
    limit = naq.Limit("api", per_second=0.5)
    try:
        await naq.enqueue(note, "x", limit=limit, config=server.url)
        await work(server.url)
        began = time.monotonic()
        await naq.enqueue(note, "y", limit=limit, config=server.url)
        await close_all_connections()
        server.kill()
        server.start()
        await work(server.url)
        assert ran == ["x", "y"]
        assert time.monotonic() - began > 1.5
    finally:
        await close_all_connections()
        server.stop()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "give it at_once, per_second, or both"),
        ({"at_once": 0}, "at_once must be a whole number from 1 to 1000, not 0"),
        ({"per_second": 0}, "per_second must be 1/1800 or more, not 0"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(settings: Any, message: str) -> None:
    with pytest.raises(JobError, match=message):
        naq.Limit("k", **settings)
