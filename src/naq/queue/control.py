"""One job: where it stands, and taking it back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from nats.js.errors import BucketNotFoundError, KeyNotFoundError, NotFoundError

from naq import buckets
from naq.config import Config
from naq.connection import nats_jetstream
from naq.exceptions import SerializationError
from naq.models.job import JOB_STATUS, Job
from naq.models.outcome import JobFailure, Outcome
from naq.models.record import JobRecord
from naq.models.schedule import Schedule, ScheduleStatus
from naq.names import JOB_STREAM, JOB_SUBJECTS, kv_subject, token
from naq.queue.lookup import stored_outcome


@dataclass(frozen=True)
class JobInfo:
    """Where a job stands.

    Args:
        job_id: the job's id.
        status: its status.
        job: the job, while it is scheduled, waits, is queued or runs.
        failures: attempts that have failed so far.
        worker: id of the worker that runs it, or ran it last, where that is known.
        failure: why it failed.
        schedule: when it runs, while it is scheduled.
    """

    job_id: str
    status: JOB_STATUS
    job: Job | None = None
    failures: int = 0
    worker: str = ""
    failure: JobFailure | None = None
    schedule: Schedule | None = None

    def describe(self) -> dict[str, Any]:
        """Return what a listing shows of it, in JSON's types."""
        shown: dict[str, Any] = {"job_id": self.job_id, "status": self.status.value}
        if self.job:
            shown |= self.job.describe()
        if self.worker:
            shown["worker"] = self.worker
        if self.failures:
            shown["failures"] = self.failures
        if self.failure:
            shown["error"] = str(self.failure)
            shown["traceback"] = self.failure.traceback
            shown["failures"] = self.failure.attempts
        if self.schedule and self.schedule.run_at:
            shown["run_at"] = self.schedule.run_at.isoformat()
            shown["paused"] = self.schedule.status is ScheduleStatus.PAUSED
        return shown


async def get_job(job_id: str, config: Config | str | None = None) -> JobInfo | None:
    """Return where a job stands, or None when nothing is known of it.

    A job that was enqueued again after it had ended is told as it stands now. A short job may be
    told as queued while it runs: workers write down only what takes longer than a fifth of a second.

    Args:
        job_id: the job's id.
        config: a configuration, a URL, or None for the process's configuration.

    Raises:
        NaqConnectionError: there is no connection to be had.
    """
    async with nats_jetstream(config) as (_, js):
        message = await find_queued(js, job_id)
        queued = Job.deserialize(message.data or b"") if message else None
        ended = await stored_outcome(js, job_id)
        record = _record(await _value(js, buckets.JOB_STATUS, job_id))
        if ended is not None and (queued is None or ended.is_of(queued)):
            return _ended(job_id, ended.data, record)
        if queued is not None:
            status = JOB_STATUS.QUEUED
            if record and record.status in (JOB_STATUS.RUNNING, JOB_STATUS.RETRYING):
                status = record.status
            return JobInfo(
                job_id,
                status,
                job=queued,
                failures=record.failures if record else 0,
                worker=record.worker if record else "",
            )
        waiting = await _value(js, buckets.WAITING_JOBS, job_id)
        if waiting is not None:
            return JobInfo(job_id, JOB_STATUS.WAITING, job=Job.deserialize(waiting))
        stored = await _value(js, buckets.SCHEDULED_JOBS, job_id)
        if stored is not None:
            schedule = Schedule.deserialize(stored)
            job = Job.deserialize(schedule.payload) if schedule.payload else None
            return JobInfo(job_id, JOB_STATUS.SCHEDULED, job=job, schedule=schedule)
        if record is not None:
            return JobInfo(job_id, record.status, failures=record.failures, worker=record.worker)
        return None


async def cancel_job(job_id: str, config: Config | str | None = None) -> bool:
    """Take back a job that is scheduled, waits for others, or is in a queue.

    A job that a worker has in hand is finished by it.

    Args:
        job_id: the job's id.
        config: a configuration, a URL, or None for the process's configuration.

    Returns:
        Whether there was such a job.

    Raises:
        NaqConnectionError: there is no connection to be had.
    """
    async with nats_jetstream(config) as (_, js):
        found = False
        for bucket in (buckets.SCHEDULED_JOBS, buckets.WAITING_JOBS):
            if await _value(js, bucket, job_id) is not None:
                await (await js.key_value(bucket)).delete(job_id)
                found = True
        message = await find_queued(js, job_id)
        if message is not None and message.seq is not None:
            found = await js.delete_msg(JOB_STREAM, message.seq) or found
    if found:
        await set_status([job_id], JOB_STATUS.CANCELLED, config)
    return found


async def set_status(
    job_ids: Iterable[str], status: JOB_STATUS, config: Config | str | None = None
) -> None:
    """Write down the status of jobs in the bucket ``job_status``."""
    await buckets.ensure_buckets(config, (buckets.JOB_STATUS,))
    async with nats_jetstream(config) as (_, js):
        for job_id in job_ids:
            record = JobRecord(status=status)
            await js.publish(kv_subject(buckets.JOB_STATUS, job_id), record.serialize())


async def find_queued(js: JetStreamContext, job_id: str) -> RawStreamMsg | None:
    """Return the message of a job that is in some queue."""
    try:
        return await js.get_last_msg(JOB_STREAM, f"{JOB_SUBJECTS}.*.{token(job_id)}")
    except NotFoundError:
        return None


def _ended(job_id: str, data: bytes, record: JobRecord | None) -> JobInfo:
    worker = record.worker if record else ""
    if Outcome.is_failure(data):
        failure = Outcome.deserialize(data).failure
        assert failure is not None
        return JobInfo(
            job_id, JOB_STATUS.FAILED, failures=failure.attempts, worker=worker, failure=failure
        )
    return JobInfo(job_id, JOB_STATUS.COMPLETED, worker=worker)


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
