"""Failed jobs: the key-value bucket ``failed_jobs``."""

from __future__ import annotations

from nats.js.errors import KeyNotFoundError
from nats.js.kv import KeyValue

from naq import buckets
from naq.buckets import entries, in_bucket
from naq.config import Config, as_config
from naq.connection import nats_jetstream
from naq.exceptions import JobError
from naq.models.failed import FailedJob
from naq.queue.publish import publish_job


class FailedJobs:
    """Lists, requeues and removes the jobs that have failed for good.

    Args:
        config: a configuration, a URL, or None for the process's configuration.
    """

    def __init__(self, config: Config | str | None = None) -> None:
        self.config = as_config(config)

    async def list(self, queue: str | None = None) -> list[FailedJob]:
        """Return the failed jobs, the latest first, all or those of one queue."""
        stored = await in_bucket(buckets.FAILED_JOBS, self.config, entries)
        failed = [FailedJob.deserialize(entry.value) for entry in stored.values()]
        return sorted(
            (each for each in failed if queue is None or each.job.queue == queue),
            key=lambda each: each.failure.failed_at,
            reverse=True,
        )

    async def get(self, job_id: str) -> FailedJob | None:
        """Return a failed job, or None when there is none of that id."""

        async def get(kv: KeyValue) -> FailedJob | None:
            try:
                return FailedJob.deserialize((await kv.get(job_id)).value)
            except KeyNotFoundError:
                return None

        return await in_bucket(buckets.FAILED_JOBS, self.config, get)

    async def requeue(self, job_id: str) -> None:
        """Put a failed job into its queue again, with all its attempts before it.

        Raises:
            JobError: there is no failed job of that id.
        """
        failed = await self.get(job_id)
        if failed is None:
            raise JobError(f"there is no failed job {job_id!r}")
        async with nats_jetstream(self.config) as (_, js):
            # In this order a crash leaves the job failed or queued, perhaps both, never neither.
            # The failure must go before the job comes, or a worker takes it for done.
            for bucket in (buckets.JOB_STATUS, buckets.JOB_RESULTS):
                await (await js.key_value(bucket)).delete(job_id)
            # The server has seen the job's own id; the failure's time makes it a new message, and
            # a requeue that is repeated the same one.
            message_id = f"{job_id} requeued {failed.failure.failed_at}"
            await publish_job(js, failed.job, message_id, replicas=self.config.replicas)
            await (await js.key_value(buckets.FAILED_JOBS)).delete(job_id)

    async def requeue_all(self, queue: str | None = None) -> int:
        """Requeue every failed job, or those of one queue; return how many there were."""
        failed = await self.list(queue)
        for each in reversed(failed):
            await self.requeue(each.job.job_id)
        return len(failed)

    async def delete(self, job_id: str) -> bool:
        """Remove a failed job; return whether there was one. Its failure stays its result."""

        async def delete(kv: KeyValue) -> bool:
            try:
                await kv.get(job_id)
            except KeyNotFoundError:
                return False
            await kv.delete(job_id)
            return True

        return await in_bucket(buckets.FAILED_JOBS, self.config, delete)

    async def purge(self, queue: str | None = None) -> int:
        """Remove every failed job, or those of one queue; return how many there were."""
        failed = await self.list(queue)

        async def delete(kv: KeyValue) -> int:
            for each in failed:
                await kv.delete(each.job.job_id)
            return len(failed)

        return await in_bucket(buckets.FAILED_JOBS, self.config, delete)
