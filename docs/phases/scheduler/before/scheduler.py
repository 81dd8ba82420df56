"""Scheduled jobs in the key-value bucket ``scheduled_jobs``."""

from typing import List

from naq.models import Schedule
from nats.js.errors import NoKeysError

from .connection import (
    close_nats_connection,
    get_jetstream_context,
    get_nats_connection,
)


class Scheduler:
    """Stores, lists and removes the schedules of jobs."""

    def __init__(self, nats_url: str):
        self.nats_url = nats_url

    async def store_scheduled_job(self, job_id: str, schedule: Schedule) -> None:
        """Store the schedule of a job, in place of an older one."""
        nc = await get_nats_connection(self.nats_url)
        try:
            js = await get_jetstream_context(nc)
            kv = await js.key_value("scheduled_jobs")
            await kv.put(job_id, schedule.serialize())
        finally:
            await close_nats_connection(nc)

    async def get_scheduled_jobs(self) -> List[Schedule]:
        """Return every stored schedule, ordered by the job's id."""
        nc = await get_nats_connection(self.nats_url)
        try:
            js = await get_jetstream_context(nc)
            kv = await js.key_value("scheduled_jobs")
            try:
                job_ids = await kv.keys()
            except NoKeysError:  # nats-py's word for an empty bucket
                return []
            entries = [await kv.get(job_id) for job_id in sorted(job_ids)]
            return [Schedule.deserialize(entry.value) for entry in entries]
        finally:
            await close_nats_connection(nc)

    async def remove_scheduled_job(self, job_id: str) -> None:
        """Remove the schedule of a job; one that does not exist is no error."""
        nc = await get_nats_connection(self.nats_url)
        try:
            js = await get_jetstream_context(nc)
            kv = await js.key_value("scheduled_jobs")
            await kv.delete(job_id)
        finally:
            await close_nats_connection(nc)
