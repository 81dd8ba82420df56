"""Scheduled jobs in the key-value bucket ``scheduled_jobs``."""

from typing import List

from naq.models import Schedule
from nats.js.errors import NoKeysError

from .config import Config, get_config
from .connection import nats_kv_store


class Scheduler:
    """Stores, lists and removes the schedules of jobs."""

    def __init__(self, config: Config | None = None):
        self.config = config or get_config()

    async def store_scheduled_job(self, job_id: str, schedule: Schedule) -> None:
        """Store the schedule of a job, in place of an older one."""
        async with nats_kv_store("scheduled_jobs", self.config) as kv:
            await kv.put(job_id, schedule.serialize())

    async def get_scheduled_jobs(self) -> List[Schedule]:
        """Return every stored schedule, ordered by the job's id."""
        async with nats_kv_store("scheduled_jobs", self.config) as kv:
            try:
                job_ids = await kv.keys()
            except NoKeysError:  # nats-py's word for an empty bucket
                return []
            entries = [await kv.get(job_id) for job_id in sorted(job_ids)]
            return [Schedule.deserialize(entry.value) for entry in entries]

    async def remove_scheduled_job(self, job_id: str) -> None:
        """Remove the schedule of a job; one that does not exist is no error."""
        async with nats_kv_store("scheduled_jobs", self.config) as kv:
            await kv.delete(job_id)
