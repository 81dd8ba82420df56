"""The scheduler: schedules stored, listed and removed on a real server."""

from __future__ import annotations

from datetime import UTC, datetime

import nats.js.errors
import pytest

from naq.buckets import ensure_buckets
from naq.connection import nats_kv_store
from naq.exceptions import SerializationError
from naq.models import Schedule
from naq.names import Names
from naq.scheduling.scheduler import Scheduler
from naq.server import NatsServer

NIGHTLY = Schedule(job_id="nightly", cron="0 3 * * *", timezone="Europe/Berlin")
ONCE = Schedule(job_id="once", run_at=datetime(2030, 1, 1, tzinfo=UTC), payload=b"\x00\xff")


@pytest.fixture
async def scheduler(nats_server: NatsServer) -> Scheduler:
    await ensure_buckets(nats_server.url)
    return Scheduler(nats_server.url)


async def test_an_empty_bucket_has_no_schedules(scheduler: Scheduler) -> None:
    assert await scheduler.get_scheduled_jobs() == []


async def test_stored_schedules_are_listed_by_job_id(scheduler: Scheduler) -> None:
    await scheduler.store_scheduled_job("once", ONCE)
    await scheduler.store_scheduled_job("nightly", NIGHTLY)
    assert await scheduler.get_scheduled_jobs() == [NIGHTLY, ONCE]


async def test_a_stored_schedule_replaces_the_older_one(scheduler: Scheduler) -> None:
    await scheduler.store_scheduled_job("nightly", ONCE)
    await scheduler.store_scheduled_job("nightly", NIGHTLY)
    assert await scheduler.get_scheduled_jobs() == [NIGHTLY]


async def test_a_removed_schedule_is_not_listed(scheduler: Scheduler) -> None:
    await scheduler.store_scheduled_job("once", ONCE)
    await scheduler.remove_scheduled_job("once")
    assert await scheduler.get_scheduled_jobs() == []


async def test_removing_what_is_not_there_is_no_error(scheduler: Scheduler) -> None:
    await scheduler.remove_scheduled_job("nothing")


async def test_a_bad_key_is_nats_py_s_own_error(scheduler: Scheduler) -> None:
    with pytest.raises(nats.js.errors.InvalidKeyError):
        await scheduler.store_scheduled_job("a key", ONCE)


async def test_a_missing_bucket_is_nats_py_s_own_error(nats_server: NatsServer) -> None:
    with pytest.raises(nats.js.errors.BucketNotFoundError):
        await Scheduler(nats_server.url).get_scheduled_jobs()


async def test_foreign_bytes_are_an_error_of_serialization(scheduler: Scheduler) -> None:
    async with nats_kv_store(Names().scheduled_jobs, scheduler.config) as kv:
        await kv.put("strange", b"\xff")
    with pytest.raises(SerializationError):
        await scheduler.get_scheduled_jobs()
