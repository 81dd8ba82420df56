"""Failed jobs in the bucket ``failed_jobs``."""

from typing import List

from naq.exceptions import JobError
from naq.models.failed import FailedJob
from nats.js.errors import KeyNotFoundError, NoKeysError

from ..config import Config, get_config
from ..connection import (
    nats_jetstream,
    nats_kv_store,
)


class FailedJobs:
    """Lists failed jobs, and puts them back on their queue."""

    def __init__(self, config: Config | None = None):
        self.config = config or get_config()

    async def list(self) -> List[FailedJob]:
        """Return the failed jobs, the latest first."""
        async with nats_kv_store("failed_jobs", self.config) as kv:
            try:
                entries = [await kv.get(job_id) for job_id in await kv.keys()]
            except NoKeysError:  # nats-py's word for an empty bucket
                return []
            failed = [FailedJob.deserialize(entry.value) for entry in entries]
            return sorted(failed, key=lambda each: each.failure.failed_at, reverse=True)

    async def requeue(self, job_id: str) -> None:
        """Put a failed job back on its queue."""
        async with nats_jetstream(self.config) as (source, source_js):
            async with nats_jetstream(self.config) as (target, target_js):
                failed = await source_js.key_value("failed_jobs")
                try:
                    entry = await failed.get(job_id)
                except KeyNotFoundError:
                    raise JobError(f"there is no failed job {job_id!r}") from None
                job = FailedJob.deserialize(entry.value).job
                await target_js.publish(f"naq.jobs.{job.queue}.{job.job_id}", job.serialize())
                await failed.delete(job_id)
