"""Scheduled jobs in the key-value bucket ``scheduled_jobs``."""

from __future__ import annotations

from naq.buckets import SCHEDULED_JOBS, entries
from naq.config import Config, as_config
from naq.connection import nats_kv_store
from naq.models import Schedule


class Scheduler:
    """Stores, lists and removes the schedules of jobs.

    Args:
        config: a configuration, a URL, or None for the process's configuration.
        nats_url: deprecated: a URL, by its older name.
    """

    def __init__(self, config: Config | str | None = None, *, nats_url: str | None = None) -> None:
        self.config = as_config(config, nats_url)

    async def store_scheduled_job(self, job_id: str, schedule: Schedule) -> None:
        """Store the schedule of a job, in place of an older one."""
        async with nats_kv_store(SCHEDULED_JOBS, self.config) as kv:
            await kv.put(job_id, schedule.serialize())

    async def get_scheduled_jobs(self) -> list[Schedule]:
        """Return every stored schedule, ordered by the job's id."""
        async with nats_kv_store(SCHEDULED_JOBS, self.config) as kv:
            stored = await entries(kv)
            return [Schedule.deserialize(stored[job_id].value) for job_id in sorted(stored)]

    async def remove_scheduled_job(self, job_id: str) -> None:
        """Remove the schedule of a job; one that does not exist is no error."""
        async with nats_kv_store(SCHEDULED_JOBS, self.config) as kv:
            await kv.delete(job_id)
