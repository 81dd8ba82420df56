"""Jobs for later: a schedule for each, in the bucket ``scheduled_jobs``."""

from datetime import datetime, timezone
from typing import List

from naq.models import Schedule
from nats.js.errors import KeyNotFoundError, NoKeysError

from ..connection import (
    nats_jetstream,
    nats_kv_store,
)

NEVER = datetime.max.replace(tzinfo=timezone.utc)


async def store_schedule(schedule: Schedule, nats_url: str) -> None:
    """Store a schedule in place of an older one of the same job."""
    async with nats_kv_store("scheduled_jobs", nats_url) as kv:
        await kv.put(schedule.job_id, schedule.serialize())


async def list_schedules(nats_url: str) -> List[Schedule]:
    """Return every schedule, the next due first."""
    async with nats_kv_store("scheduled_jobs", nats_url) as kv:
        try:
            job_ids = await kv.keys()
        except NoKeysError:  # nats-py's word for an empty bucket
            job_ids = []
        entries = [await kv.get(job_id) for job_id in job_ids]
    schedules = [Schedule.deserialize(entry.value) for entry in entries]
    return sorted(schedules, key=lambda schedule: (schedule.run_at or NEVER, schedule.job_id))


async def cancel_scheduled_job(job_id: str, nats_url: str) -> bool:
    """Remove a scheduled job; return whether there was one."""
    async with nats_jetstream(nats_url) as (nc, js):
        try:
            kv = await js.key_value("scheduled_jobs")
            await kv.get(job_id)
            await kv.delete(job_id)
            return True
        except KeyNotFoundError:
            return False
