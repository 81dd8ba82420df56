"""Jobs that wait for others: the key-value bucket ``waiting_jobs``.

The client that enqueues a job, or a worker, learns first that the last of its parents has ended. It
enqueues the job, or ends it by its policy. The job's id is the message's,
so it does no harm when two of them do. An entry names the parents that have not ended yet, so a
result that expires before a sibling has ended is not missed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Final

import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import (
    BucketNotFoundError,
    KeyNotFoundError,
    KeyWrongLastSequenceError,
    NotFoundError,
)
from nats.js.kv import KeyValue

from naq import buckets
from naq.buckets import entries, in_bucket
from naq.config import Config, as_config
from naq.exceptions import JobCancelledError, ParentFailedError, SerializationError
from naq.jobs.lookup import StoredOutcome, stored_outcomes
from naq.jobs.patience import with_retries
from naq.jobs.publish import check_size, publish_job
from naq.models.event import Event
from naq.models.failed import FailedJob
from naq.models.finished import CANCELLED, FAILED, finished
from naq.models.job import Job
from naq.models.outcome import JobFailure, Outcome
from naq.models.record import JobRecord
from naq.models.status import JOB_STATUS, Enqueued
from naq.names import Names, kv_subject

GONE_AFTER: Final = 60.0
"""Seconds for which a job waits for a parent that nobody knows: it may be enqueued after it."""

GONE: Final = "is gone: nothing is known of it, or its result has expired"
IN_A_CIRCLE: Final = "waits for this one in its turn"


async def park(job: Job, config: Config) -> None:
    """Keep a job until the jobs that it depends on have ended; enqueue it if they have.

    Raises:
        JobError: the job is larger than the server takes, or is refused.
        SerializationError: the job's serializer cannot write the call.
        NaqConnectionError: there is no connection, or the server did not answer in time.
    """

    async def keep(conn: Client, js: JetStreamContext, _wait: float) -> None:
        try:
            waiting = await js.key_value(config.names.waiting_jobs)
        except BucketNotFoundError:
            await buckets.ensure_buckets(config)
            waiting = await js.key_value(config.names.waiting_jobs)
        unkept = await _without_result(js, config.names, job.waits_for)
        kept = (job.waiting_for(job.waits_for, unkept) if unkept else job).serialize()
        check_size(conn, job.job_id, len(job.serialize()), stored=len(kept))
        # First kept, then looked: a parent that ends in between finds the job waiting.
        await waiting.put(job.job_id, kept)
        await settle_waiting(conn, js, config, job.job_id)

    await with_retries(config, f"enqueue job {job.job_id}", keep)
    job.enqueued = Enqueued.NEW


async def settle_waiting(
    conn: Client,
    js: JetStreamContext,
    config: Config,
    job_id: str,
    *,
    succeeded: Collection[str] = (),
    lost: str = "",
    reason: str = GONE,
) -> bool:
    """Do with a waiting job what its parents ask for.

    Returns:
        Whether this has ended the job, by its policy: others may wait for it.

    Args:
        conn: the connection.
        js: its JetStream context.
        config: the configuration.
        job_id: the id of the waiting job.
        succeeded: parents that have succeeded, whether they keep a result or not.
        lost: a parent that will never end, if there is one.
        reason: why not.

    Raises:
        nats.errors.Error: the server does not answer.
        nats.js.errors.APIError: the server refuses.
        NaqError: the job cannot be enqueued.
    """
    waiting = await js.key_value(config.names.waiting_jobs)
    try:
        entry = await waiting.get(job_id)
    except KeyNotFoundError:
        return False  # somebody else was faster, or it was cancelled
    job = Job.deserialize(entry.value or b"")
    outcomes = await stored_outcomes(conn, js, config.names, job.waits_for)
    if lost and lost in job.unkept:
        succeeded, lost = {*succeeded, lost}, ""
    if job.on_parent_failure != "run":
        failed = _first_failure(job, outcomes, lost, reason)
        if failed:
            await _end(conn, js, config.names, job, failed)
            await waiting.delete(job_id)
            return True
    over = {*outcomes, *succeeded, lost}
    rest = [each for each in job.waits_for if each not in over]
    if not rest:
        await publish_job(js, config, job)
        await waiting.delete(job_id)
    elif len(rest) < len(job.waits_for):
        await _wait_for_the_rest(waiting, entry, job, rest)
    return False


async def find_lost_parent(js: JetStreamContext, names: Names, parent: str) -> bool:
    """Whether nothing is known of a job any longer, or yet."""
    # In the order in which a job passes through them, so the search cannot miss it.
    for bucket in (names.scheduled_jobs, names.waiting_jobs):
        with suppress(KeyNotFoundError, BucketNotFoundError):
            await (await js.key_value(bucket)).get(parent)
            return False
    with suppress(NotFoundError):
        await js.get_last_msg(names.job_stream, names.job_in_any_queue(parent))
        return False
    with suppress(KeyNotFoundError, BucketNotFoundError):
        await (await js.key_value(names.job_results)).get(parent)
        return False
    return True


async def list_waiting(config: Config | str | None = None, queue: str | None = None) -> list[Job]:
    """Return the jobs that wait for others, the oldest first.

    ``waits_for`` of each names those that have not ended yet.

    Args:
        config: a configuration, a URL, or None for the process's configuration.
        queue: only the jobs of this queue; None is all.

    Raises:
        NaqConnectionError: there is no connection.
    """
    settings = as_config(config)
    stored = await in_bucket(settings.names.waiting_jobs, settings, entries)
    jobs = []
    for entry in stored.values():
        with suppress(SerializationError):  # one bad entry does not hide the others
            jobs.append(Job.deserialize(entry.value or b""))
    return sorted(
        (job for job in jobs if queue in (None, job.queue)), key=lambda job: job.created_at
    )


async def _without_result(js: JetStreamContext, names: Names, parents: Sequence[str]) -> list[str]:
    """Return the parents in the queue that will leave no result when they succeed."""

    async def leaves_none(parent: str) -> bool:
        with suppress(NotFoundError, SerializationError):
            message = await js.get_last_msg(names.job_stream, names.job_in_any_queue(parent))
            return not Job.deserialize(message.data or b"").keep_result
        return False

    found = await asyncio.gather(*map(leaves_none, parents))
    return [parent for parent, leaves in zip(parents, found, strict=True) if leaves]


def _first_failure(
    job: Job, outcomes: dict[str, StoredOutcome], lost: str, reason: str
) -> str | None:
    """Return how the first parent ended that has not succeeded, in words."""
    for parent in job.waits_for:
        if parent == lost:
            return f"job {parent} {reason}"
        if parent in outcomes and not outcomes[parent].succeeded:
            failure = Outcome.deserialize(outcomes[parent].data).failure
            return f"job {parent} did not succeed: {failure}"
    return None


async def _end(conn: Client, js: JetStreamContext, names: Names, job: Job, reason: str) -> None:
    """Store that a job has failed, or was cancelled, because of a parent."""
    cancels = job.on_parent_failure == "cancel"
    error = JobCancelledError(f"cancelled: {reason}") if cancels else ParentFailedError(reason)
    failure = JobFailure.of(error, attempts=0, failed_at=time.time())
    if not cancels:
        await js.publish(
            kv_subject(names.failed_jobs, job.job_id),
            FailedJob(job, failure).serialize(conn.max_payload),
        )
    outcome = Outcome(failure=failure).serialize()
    how = CANCELLED if cancels else FAILED
    await js.publish(
        kv_subject(names.job_results, job.job_id),
        finished(outcome, job, how, ended=time.time_ns(), room=conn.max_payload),
    )
    status = JOB_STATUS.CANCELLED if cancels else JOB_STATUS.FAILED
    await js.publish(kv_subject(names.job_status, job.job_id), JobRecord(status=status).serialize())
    data = {"job_id": job.job_id, "queue": job.queue, "function": job.function_name}
    event = Event(f"job.{status.value}", {**data, "error": str(failure)})
    await conn.publish(names.event_subject(event.type), event.serialize())


async def _wait_for_the_rest(
    waiting: KeyValue, entry: KeyValue.Entry, job: Job, rest: list[str]
) -> None:
    unkept = [parent for parent in job.unkept if parent in rest]
    smaller = job.waiting_for(rest, unkept)
    # Another process may have stored more: the next check finds out.
    with suppress(KeyWrongLastSequenceError, nats.errors.MaxPayloadError):
        await waiting.update(job.job_id, smaller.serialize(), last=entry.revision)
