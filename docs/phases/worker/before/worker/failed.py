"""Failed jobs in the bucket ``failed_jobs``."""

from typing import List

from naq.exceptions import JobError
from naq.models.failed import FailedJob
from nats.js.errors import KeyNotFoundError, NoKeysError

from ..connection import (
    close_nats_connection,
    get_jetstream_context,
    get_nats_connection,
)


class FailedJobs:
    """Lists failed jobs, and puts them back on their queue."""

    def __init__(self, nats_url: str):
        self.nats_url = nats_url

    async def list(self) -> List[FailedJob]:
        """Return the failed jobs, the latest first."""
        nc = await get_nats_connection(self.nats_url)
        js = await get_jetstream_context(nc)
        kv = await js.key_value("failed_jobs")
        try:
            entries = [await kv.get(job_id) for job_id in await kv.keys()]
        except NoKeysError:  # nats-py's word for an empty bucket
            return []
        failed = [FailedJob.deserialize(entry.value) for entry in entries]
        return sorted(failed, key=lambda each: each.failure.failed_at, reverse=True)

    async def requeue(self, job_id: str) -> None:
        """Put a failed job back on its queue."""
        source = await get_nats_connection(self.nats_url)
        target = await get_nats_connection(self.nats_url)
        try:
            source_js = await get_jetstream_context(source)
            target_js = await get_jetstream_context(target)
            failed = await source_js.key_value("failed_jobs")
            try:
                entry = await failed.get(job_id)
            except KeyNotFoundError:
                raise JobError(f"there is no failed job {job_id!r}") from None
            job = FailedJob.deserialize(entry.value).job
            await target_js.publish(f"naq.jobs.{job.queue}.{job.job_id}", job.serialize())
            await failed.delete(job_id)
        finally:
            await close_nats_connection(target)
            await close_nats_connection(source)
