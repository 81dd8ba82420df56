"""Jobs for later: a schedule for each, in the bucket ``scheduled_jobs``."""

from datetime import datetime, timezone
from typing import List

from naq.models import Schedule
from nats.js.errors import KeyNotFoundError, NoKeysError

from ..connection import (
    close_nats_connection,
    get_jetstream_context,
    get_nats_connection,
)

NEVER = datetime.max.replace(tzinfo=timezone.utc)


async def store_schedule(schedule: Schedule, nats_url: str) -> None:
    """Store a schedule in place of an older one of the same job."""
    nc = await get_nats_connection(nats_url)
    try:
        js = await get_jetstream_context(nc)
        kv = await js.key_value("scheduled_jobs")
        await kv.put(schedule.job_id, schedule.serialize())
    finally:
        await close_nats_connection(nc)


async def list_schedules(nats_url: str) -> List[Schedule]:
    """Return every schedule, the next due first."""
    nc = await get_nats_connection(nats_url)
    js = await get_jetstream_context(nc)
    kv = await js.key_value("scheduled_jobs")
    try:
        job_ids = await kv.keys()
    except NoKeysError:  # nats-py's word for an empty bucket
        job_ids = []
    entries = [await kv.get(job_id) for job_id in job_ids]
    await close_nats_connection(nc)
    schedules = [Schedule.deserialize(entry.value) for entry in entries]
    return sorted(schedules, key=lambda schedule: (schedule.run_at or NEVER, schedule.job_id))


async def cancel_scheduled_job(job_id: str, nats_url: str) -> bool:
    """Remove a scheduled job; return whether there was one."""
    nc = await get_nats_connection(nats_url)
    try:
        js = await get_jetstream_context(nc)
        kv = await js.key_value("scheduled_jobs")
        await kv.get(job_id)
        await kv.delete(job_id)
        return True
    except KeyNotFoundError:
        return False
    finally:
        await close_nats_connection(nc)
