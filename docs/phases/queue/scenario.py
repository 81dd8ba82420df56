"""The calls that hold the queue before, fixed and now together."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING

from naq.config import Config
from naq.models import Job, Schedule
from naq.streams import job_stream

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from nats.js import JetStreamContext

    from recorder.variants import Journal, Variant

BUCKETS = ["scheduled_jobs"]
STREAMS = ["naq_jobs"]

NUMBERS = count()  # an id is taken once
LATER = Schedule(job_id="later", run_at=datetime(2030, 1, 1, tzinfo=UTC))
EARLIER = Schedule(job_id="earlier", run_at=datetime(2029, 12, 31, tzinfo=UTC))


def _job(job_id: str) -> Job:
    return Job("builtins:len", (job_id,), job_id=job_id, created_at=0.0)


async def prepare(js: JetStreamContext) -> None:
    """Make the stream and the bucket that the modules expect."""
    await js.add_stream(job_stream(Config()))
    await js.create_key_value(bucket="scheduled_jobs")


async def play(variant: Variant, url: str, journal: Journal) -> None:
    """Put jobs on the queue, one by one, together and for later; take them off; purge."""
    queue = variant.load("queue.core").Queue("default", url)
    scheduled = variant.load("queue.scheduled")
    call = journal.call
    await call("take from an empty queue", queue.dequeue(timeout=0.1))
    await call("purge an empty queue", queue.purge())
    await call("enqueue one", queue.enqueue(_job("j1")))
    await call("enqueue it again", queue.enqueue(_job("j1")))
    await call("enqueue three", queue.enqueue_many([_job(f"m{n}") for n in range(3)]))
    await call("enqueue two, one of them again", queue.enqueue_many([_job("m3"), _job("m0")]))
    await call("enqueue none", queue.enqueue_many([]))
    await call("take one", queue.dequeue(timeout=1))
    await call("take another", queue.dequeue(timeout=1))
    await call("list what is due later: nothing", scheduled.list_schedules(url))
    await call("keep one until new year", scheduled.store_schedule(LATER, url))
    await call("keep one until its eve", scheduled.store_schedule(EARLIER, url))
    await call("list both, by their time", _ids(scheduled.list_schedules(url)))
    await call("cancel one", scheduled.cancel_scheduled_job("earlier", url))
    await call("cancel it again", scheduled.cancel_scheduled_job("earlier", url))
    await call("cancel under a bad key", scheduled.cancel_scheduled_job("a job", url))
    await call("purge what is left", queue.purge())
    await call("enqueue after all", queue.enqueue(_job("j2")))


async def _ids(schedules: Awaitable[list[Schedule]]) -> list[str]:
    return [schedule.job_id for schedule in await schedules]


async def play_unprepared(variant: Variant, url: str, journal: Journal) -> None:
    """Nothing: today's queue makes the stream and the bucket that it needs."""


async def repeat(variant: Variant, url: str, calls: int) -> None:
    """One call, again and again: what the phase is timed on."""
    queue = variant.load("queue.core").Queue("default", url)
    for _ in range(calls):
        await queue.enqueue(_job(f"r{next(NUMBERS)}"))
