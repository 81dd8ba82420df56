"""Jobs that wait for others: the key-value bucket ``waiting_jobs``.

Whoever learns first that the last of a job's dependencies has succeeded puts the job into its queue:
the client that enqueues it, or the worker that runs the dependency. The job's id is the message's,
so it does no harm when two of them do.
"""

from __future__ import annotations

from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import BucketNotFoundError, KeyNotFoundError

from naq import buckets
from naq.config import Config
from naq.models.job import Job
from naq.queue.lookup import stored_outcomes
from naq.queue.publish import publish_job


async def park(conn: Client, js: JetStreamContext, job: Job, config: Config) -> None:
    """Keep a job until the jobs that it depends on have succeeded; enqueue it if they have.

    Raises:
        JobError: the job is larger than the server takes, or is refused.
        SerializationError: the job's serializer cannot write the call.
    """
    try:
        waiting = await js.key_value(buckets.WAITING_JOBS)
    except BucketNotFoundError:
        await buckets.ensure_buckets(config)
        waiting = await js.key_value(buckets.WAITING_JOBS)
    # First kept, then looked: a dependency that succeeds in between finds the job waiting.
    await waiting.put(job.job_id, job.serialize())
    await release_if_ready(conn, js, job)


async def release_if_ready(conn: Client, js: JetStreamContext, job: Job) -> bool:
    """Put a waiting job into its queue if all that it depends on has succeeded.

    Returns:
        Whether it waits no longer.
    """
    outcomes = await stored_outcomes(conn, js, job.depends_on)
    if not all(job_id in outcomes and outcomes[job_id].succeeded for job_id in job.depends_on):
        return False
    waiting = await js.key_value(buckets.WAITING_JOBS)
    try:
        await waiting.get(job.job_id)
    except KeyNotFoundError:
        return True  # somebody else was faster, or it was cancelled
    await publish_job(js, job)
    await waiting.delete(job.job_id)
    return True
