"""The calls that hold the scheduler before, fixed and now together."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from naq.models import Schedule

if TYPE_CHECKING:
    from nats.js import JetStreamContext

    from recorder.variants import Journal, Variant

BUCKETS = ["scheduled_jobs"]
STREAMS: list[str] = []

NIGHTLY = Schedule(job_id="nightly-report", cron="0 3 * * *")
ONCE = Schedule(job_id="welcome-mail", run_at=datetime(2030, 1, 1, 12, 0, tzinfo=UTC))


async def prepare(js: JetStreamContext) -> None:
    """Make the bucket that the modules expect."""
    await js.create_key_value(bucket="scheduled_jobs")


async def play(variant: Variant, url: str, journal: Journal) -> None:
    """Store, list, replace and remove schedules; then what goes wrong."""
    scheduler = variant.load("scheduler").Scheduler(url)
    await journal.call("list while there are none", scheduler.get_scheduled_jobs())
    await journal.call("store one", scheduler.store_scheduled_job("nightly-report", NIGHTLY))
    await journal.call("store another", scheduler.store_scheduled_job("welcome-mail", ONCE))
    await journal.call("replace one", scheduler.store_scheduled_job("nightly-report", NIGHTLY))
    await journal.call("list both", scheduler.get_scheduled_jobs())
    await journal.call("remove one", scheduler.remove_scheduled_job("welcome-mail"))
    await journal.call("remove it again", scheduler.remove_scheduled_job("welcome-mail"))
    await journal.call("list what is left", scheduler.get_scheduled_jobs())
    await journal.call("store under a bad key", scheduler.store_scheduled_job("a key", NIGHTLY))
    await journal.call("list after the error", scheduler.get_scheduled_jobs())


async def play_unprepared(variant: Variant, url: str, journal: Journal) -> None:
    """The same calls on a server that has no bucket."""
    scheduler = variant.load("scheduler").Scheduler(url)
    await journal.call("list without a bucket", scheduler.get_scheduled_jobs())
    await journal.call("store without a bucket", scheduler.store_scheduled_job("a", NIGHTLY))


async def repeat(variant: Variant, url: str, calls: int) -> None:
    """One call, again and again: what the phase is timed on."""
    scheduler = variant.load("scheduler").Scheduler(url)
    for _ in range(calls):
        await scheduler.store_scheduled_job("nightly-report", NIGHTLY)
