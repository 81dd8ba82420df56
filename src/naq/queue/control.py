"""One job: its status, and its cancellation."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from nats.js.errors import BucketNotFoundError, KeyNotFoundError, NotFoundError

from naq import buckets
from naq.config import Config, as_config
from naq.connection import nats_jetstream
from naq.exceptions import JobCancelledError, SerializationError
from naq.jobs.lookup import StoredOutcome, stored_outcome
from naq.models.finished import CANCELLED, finished
from naq.models.info import JobInfo
from naq.models.job import Job
from naq.models.outcome import JobFailure, Outcome
from naq.models.record import JobRecord
from naq.models.retry import exception_name
from naq.models.schedule import Schedule
from naq.models.status import JOB_STATUS
from naq.names import Names, kv_subject

_WORKER_ANSWERS: Final = 2.0
"""Seconds that a worker may take to confirm that it breaks off a job."""


async def get_job(job_id: str, config: Config | str | None = None) -> JobInfo | None:
    """Return the state of a job, or None for an unknown job.

    The state of a job that was enqueued again is its newest one. A short job may appear as queued
    while it runs: workers record only what takes longer than a fifth of a second.

    Args:
        job_id: the job's id.
        config: a configuration, a URL, or None for the process's configuration.

    Raises:
        NaqConnectionError: there is no connection.
    """
    settings = as_config(config)
    names = settings.names
    async with nats_jetstream(settings) as (_, js):
        # In the order in which a job passes through them, so the search cannot miss it.
        schedule = await _scheduled(js, names, job_id)
        parked = await _value(js, names.waiting_jobs, job_id)
        message = await find_queued(js, names, job_id)
        ended = await stored_outcome(js, names, job_id)
        record = _record(await _value(js, names.job_status, job_id))
    info: JobInfo | None = None
    if message is not None:
        info = _queued(job_id, Job.deserialize(message.data or b""), record)
    elif parked is not None:
        info = JobInfo(job_id, JOB_STATUS.WAITING, job=Job.deserialize(parked))
    elif schedule is not None:
        info = JobInfo(job_id, JOB_STATUS.SCHEDULED, job=_job_of(schedule), schedule=schedule)
    if ended is not None and (info is None or info.job is None or ended.is_of(info.job)):
        return ended_info(job_id, ended, record)
    if info is None and record is not None:
        return JobInfo(job_id, record.status, failures=record.failures, worker=record.worker)
    return info


async def _scheduled(js: JetStreamContext, names: Names, job_id: str) -> Schedule | None:
    stored = await _value(js, names.scheduled_jobs, job_id)
    return None if stored is None else Schedule.deserialize(stored)


def _job_of(schedule: Schedule) -> Job | None:
    return Job.deserialize(schedule.payload) if schedule.payload else None


def _queued(job_id: str, job: Job, record: JobRecord | None) -> JobInfo:
    if record is None:
        return JobInfo(job_id, JOB_STATUS.QUEUED, job=job)
    known = record.status in (JOB_STATUS.RUNNING, JOB_STATUS.RETRYING)
    return JobInfo(
        job_id,
        record.status if known else JOB_STATUS.QUEUED,
        job=job,
        failures=record.failures,
        worker=record.worker,
    )


async def cancel_job(job_id: str, config: Config | str | None = None) -> bool:
    """Cancel a job that is scheduled, waits for others, is in a queue, or runs.

    A running job is broken off by its worker: an async function by a ``CancelledError``, an
    isolated job with its process. A plain function's thread can't be ended; it is left alone, and
    may ask ``current_job().broken_off``. A job that ends in the same moment has ended, and one
    that takes less than a fifth of a second may end before it is known to run. Whoever waits for
    the result of a cancelled job gets a ``JobCancelledError``.

    Args:
        job_id: the job's id.
        config: a configuration, a URL, or None for the process's configuration.

    Returns:
        Whether there was such a job. A running one may take a moment to end.

    Raises:
        NaqConnectionError: there is no connection.
    """
    settings = as_config(config)
    names = settings.names
    async with nats_jetstream(settings) as (conn, js):
        found = False
        job: Job | None = None
        schedule = await _scheduled(js, names, job_id)
        if schedule is not None:
            await (await js.key_value(names.scheduled_jobs)).delete(job_id)
            found, job = True, _job_of(schedule)
        parked = await _value(js, names.waiting_jobs, job_id)
        if parked is not None:
            await (await js.key_value(names.waiting_jobs)).delete(job_id)
            found, job = True, Job.deserialize(parked)
        message = await find_queued(js, names, job_id)
        if message is not None and message.seq is not None:
            record = _record(await _value(js, names.job_status, job_id))
            running = record is not None and record.status is JOB_STATUS.RUNNING
            if running and await _broken_off(conn, names.cancel_subject(job_id)):
                return True
            if await js.delete_msg(names.job_stream, message.seq):
                found, job = True, Job.deserialize(message.data or b"")
    if found:
        await set_status([job_id], JOB_STATUS.CANCELLED, settings)
    if job is not None:
        await _store_cancellation(job, settings)
    return found


async def _broken_off(conn: Client, subject: str) -> bool:
    """Ask the workers, on its subject, to break off a job; return whether one of them does."""
    with suppress(nats.errors.NoRespondersError, nats.errors.TimeoutError):
        await conn.request(subject, timeout=_WORKER_ANSWERS)
        return True
    return False


async def _store_cancellation(job: Job, config: Config) -> None:
    """Store that a job was cancelled, for callers that wait for its result."""
    failure = JobFailure.of(JobCancelledError("cancelled before it ran"), failed_at=time.time())
    await buckets.ensure_buckets(config, (config.names.job_results,))
    async with nats_jetstream(config) as (conn, js):
        outcome = Outcome(failure=failure).serialize()
        await js.publish(
            kv_subject(config.names.job_results, job.job_id),
            finished(outcome, job, CANCELLED, ended=time.time_ns(), room=conn.max_payload),
        )


async def set_status(
    job_ids: Iterable[str], status: JOB_STATUS, config: Config | str | None = None
) -> None:
    """Store the status of jobs in the bucket ``job_status``."""
    settings = as_config(config)
    bucket = settings.names.job_status
    await buckets.ensure_buckets(settings, (bucket,))
    async with nats_jetstream(settings) as (_, js):
        for job_id in job_ids:
            record = JobRecord(status=status)
            await js.publish(kv_subject(bucket, job_id), record.serialize())


async def find_queued(js: JetStreamContext, names: Names, job_id: str) -> RawStreamMsg | None:
    """Return the message of a job that is in some queue."""
    try:
        return await js.get_last_msg(names.job_stream, names.job_in_any_queue(job_id))
    except NotFoundError:
        return None


def ended_info(job_id: str, ended: StoredOutcome, record: JobRecord | None = None) -> JobInfo:
    """Return the state of a job that has ended.

    Args:
        job_id: the job's id.
        ended: its stored outcome.
        record: its stored status, for the outcomes of code that takes messages itself.
    """
    job, run = ended.trail.job, ended.trail.run
    worker = run.worker if run else record.worker if record else ""
    failure = None if ended.succeeded else Outcome.deserialize(ended.data).failure
    if failure is None:
        status = JOB_STATUS.COMPLETED
    elif failure.error_type == exception_name(JobCancelledError):
        status, failure = JOB_STATUS.CANCELLED, None
    else:
        status, worker = JOB_STATUS.FAILED, failure.worker or worker
    return JobInfo(
        job_id,
        status,
        job=job,
        failures=failure.attempts if failure else 0,
        worker=worker,
        failure=failure,
        run=run,
        since=run.ended_at if run else 0.0,
    )


def _record(data: bytes | None) -> JobRecord | None:
    try:
        return None if data is None else JobRecord.deserialize(data)
    except SerializationError:
        return None


async def _value(js: JetStreamContext, bucket: str, key: str) -> bytes | None:
    try:
        return (await (await js.key_value(bucket)).get(key)).value
    except (BucketNotFoundError, KeyNotFoundError):
        return None
