"""Failed jobs: the key-value bucket ``failed_jobs``."""

from __future__ import annotations

import logging

from nats.js import JetStreamContext
from nats.js.errors import KeyNotFoundError
from nats.js.kv import KeyValue

from naq.buckets import in_bucket
from naq.config import Config, as_config
from naq.connection import nats_jetstream
from naq.exceptions import JobError, SerializationError
from naq.jobs.publish import publish_job
from naq.models.failed import FailedJob
from naq.names import kv_subject
from naq.newest import newest_values
from naq.queue.waiting import park

logger = logging.getLogger("naq.failed")


class FailedJobs:
    """Lists, requeues and removes the jobs that have failed for good.

    Args:
        config: a configuration, a URL, or None for the process's configuration.
    """

    def __init__(self, config: Config | str | None = None) -> None:
        self.config = as_config(config)
        self._bucket = self.config.names.failed_jobs

    async def list(self, queue: str | None = None, *, limit: int | None = None) -> list[FailedJob]:
        """Return the failed jobs, the latest first, all or those of one queue.

        A limit keeps the call as fast with many failed jobs as with few, unless it looks for those
        of a queue that has few of them. An entry that cannot be read is left out.

        Args:
            queue: the queue; None is all.
            limit: how many of the latest; None is all of them.
        """

        async def newest(_kv: KeyValue) -> list[bytes]:
            async with nats_jetstream(self.config) as (conn, js):
                return await newest_values(conn, js, self._bucket, limit, wanted)

        def wanted(data: bytes) -> bool:
            return queue is None or ((read := _read(data)) is not None and read.job.queue == queue)

        stored = await in_bucket(self._bucket, self.config, newest)
        failed = [each for each in map(_read, stored) if each is not None]
        return sorted(failed, key=lambda each: each.failure.failed_at, reverse=True)

    async def count(self) -> int:
        """Return how many failed jobs there are; as fast with many as with few."""

        async def count(_kv: KeyValue) -> int:
            async with nats_jetstream(self.config) as (_, js):
                return (await js.stream_info(f"KV_{self._bucket}")).state.messages

        return await in_bucket(self._bucket, self.config, count)

    async def get(self, job_id: str) -> FailedJob | None:
        """Return a failed job, or None when there is none of that id."""
        entry = await self._entry(job_id)
        return None if entry is None else FailedJob.deserialize(entry.value)

    async def _entry(self, job_id: str) -> KeyValue.Entry | None:
        async def get(kv: KeyValue) -> KeyValue.Entry | None:
            try:
                return await kv.get(job_id)
            except KeyNotFoundError:
                return None

        return await in_bucket(self._bucket, self.config, get)

    async def requeue(self, job_id: str) -> None:
        """Enqueue a failed job again, with its full number of attempts.

        One that has failed because of a job that it depends on waits for that again: requeue the
        other one, too.

        Raises:
            JobError: there is no failed job of that id.
        """
        entry = await self._entry(job_id)
        if entry is None:
            raise JobError(f"there is no failed job {job_id!r}")
        failed = FailedJob.deserialize(entry.value)
        async with nats_jetstream(self.config) as (_, js):
            # In this order a crash leaves the job failed or queued, perhaps both, never neither.
            # The failure must go before the job comes, or a worker takes it for done.
            names = self.config.names
            for bucket in (names.job_status, names.job_results):
                await (await js.key_value(bucket)).delete(job_id)
            if failed.job.depends_on and not failed.failure.attempts:
                await park(failed.job, self.config)
            else:
                # The server has seen the job's own id; the failure's time makes it a new message,
                # and a requeue that is repeated the same one.
                message_id = f"{job_id} requeued {failed.failure.failed_at}"
                await publish_job(js, self.config, failed.job, message_id)
            # This failure, and not one that has come of the requeued job meanwhile.
            await _remove(js, self._bucket, job_id, up_to=entry.revision)

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
            async with nats_jetstream(self.config) as (_, js):
                await _remove(js, self._bucket, job_id)
            return True

        return await in_bucket(self._bucket, self.config, delete)

    async def purge(self, queue: str | None = None) -> int:
        """Remove every failed job, or those of one queue; return how many there were."""
        if queue is None:
            count = await self.count()
            async with nats_jetstream(self.config) as (_, js):
                await js.purge_stream(f"KV_{self._bucket}")
            return count
        failed = await self.list(queue)
        async with nats_jetstream(self.config) as (_, js):
            for each in failed:
                await _remove(js, self._bucket, each.job.job_id)
        return len(failed)


def _read(data: bytes) -> FailedJob | None:
    try:
        return FailedJob.deserialize(data)
    except SerializationError as error:
        logger.warning("an entry of the bucket of failed jobs is left out: %s", error)
        return None


async def _remove(
    js: JetStreamContext, bucket: str, job_id: str, *, up_to: int | None = None
) -> None:
    # Without a trace: a bucket's own delete leaves a marker, which would count as a job.
    after = None if up_to is None else up_to + 1
    await js.purge_stream(f"KV_{bucket}", seq=after, subject=kv_subject(bucket, job_id))
