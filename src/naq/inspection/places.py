"""Where the jobs of each state are on the server, and how they are read there."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from naq.exceptions import SerializationError, describe_error
from naq.jobs.lookup import StoredOutcome
from naq.models.failed import FailedJob
from naq.models.finished import FinishedRun
from naq.models.info import JobInfo
from naq.models.job import Job
from naq.models.record import JobRecord
from naq.models.schedule import Schedule, ScheduleStatus
from naq.models.status import JOB_STATUS
from naq.names import Names, kv_subject
from naq.queue.control import ended_info
from naq.stored import StoredMessage, StreamReader

logger = logging.getLogger("naq.inspection")

IN_HAND: Final = frozenset({JOB_STATUS.RUNNING, JOB_STATUS.RETRYING})
_IN_A_QUEUE: Final = IN_HAND | {JOB_STATUS.QUEUED}

Found = list[tuple[int, JobInfo]]


@dataclass(frozen=True)
class Place:
    """Where jobs of some states are.

    Args:
        letter: its name in a page's ``next``.
        stream: the stream.
        states: the states.
        read: returns the jobs of messages, each with the number of its message.
    """

    letter: str
    stream: str
    states: frozenset[JOB_STATUS]
    read: Callable[[StreamReader, Sequence[StoredMessage]], Awaitable[Found]]


def places_of(names: Names, states: Collection[JOB_STATUS]) -> list[Place]:
    """Return the places that hold jobs of the given states; all of them for none.

    Args:
        names: the names of the application.
        states: the states.
    """
    if states and IN_HAND.issuperset(states):
        # Their records: the jobs themselves lie behind all that wait.
        return [Place("h", f"KV_{names.job_status}", IN_HAND, _InHand(names).read)]
    places = [
        Place("q", names.job_stream, _IN_A_QUEUE, _Queued(names).read),
        _bucket("w", names.waiting_jobs, JOB_STATUS.WAITING, _waiting),
        _bucket("s", names.scheduled_jobs, JOB_STATUS.SCHEDULED, _scheduled),
        _bucket("f", names.failed_jobs, JOB_STATUS.FAILED, _failed),
        _bucket("c", names.job_results, JOB_STATUS.COMPLETED, _completed),
        _bucket("x", names.job_results, JOB_STATUS.CANCELLED, _cancelled),
    ]
    if not states or {JOB_STATUS.COMPLETED, JOB_STATUS.CANCELLED}.issubset(states):
        places[-2:] = [
            Place(
                "e",
                f"KV_{names.job_results}",
                frozenset({JOB_STATUS.COMPLETED, JOB_STATUS.CANCELLED}),
                _each(_ended),
            )
        ]
    return [each for each in places if not states or each.states.intersection(states)]


def _bucket(
    letter: str,
    bucket: str,
    status: JOB_STATUS,
    read: Callable[[str, StoredMessage], JobInfo | None],
) -> Place:
    return Place(letter, f"KV_{bucket}", frozenset({status}), _each(read))


def _each(
    read: Callable[[str, StoredMessage], JobInfo | None],
) -> Callable[[StreamReader, Sequence[StoredMessage]], Awaitable[Found]]:
    async def read_all(_reader: StreamReader, messages: Sequence[StoredMessage]) -> Found:
        found: Found = []
        for message in messages:
            try:
                info = read(message.subject.split(".", 2)[2], message)
            except SerializationError as error:
                logger.debug("%s is left out: %s", message.subject, describe_error(error))
                continue
            if info is not None:
                found.append((message.sequence, replace(info, since=message.time)))
        return found

    return read_all


def _waiting(job_id: str, message: StoredMessage) -> JobInfo:
    return JobInfo(job_id, JOB_STATUS.WAITING, job=Job.deserialize(message.data))


def _scheduled(job_id: str, message: StoredMessage) -> JobInfo | None:
    schedule = Schedule.deserialize(message.data)
    if schedule.status is ScheduleStatus.ENDED:
        return None
    job = Job.deserialize(schedule.payload) if schedule.payload else None
    return JobInfo(job_id, JOB_STATUS.SCHEDULED, job=job, schedule=schedule)


def _failed(_job_id: str, message: StoredMessage) -> JobInfo:
    return failed_info(FailedJob.deserialize(message.data))


def failed_info(failed: FailedJob) -> JobInfo:
    """Return the state of a failed job."""
    failure = failed.failure
    run = FinishedRun(
        JOB_STATUS.FAILED,
        failure.attempts,
        failure.enqueued_at,
        failure.started_at,
        failure.failed_at,
        0,
        failure.worker,
    )
    return JobInfo(
        failed.job.job_id,
        JOB_STATUS.FAILED,
        job=failed.job,
        failures=failure.attempts,
        worker=failure.worker,
        failure=failure,
        run=run,
        since=failure.failed_at,
    )


def _ended(job_id: str, message: StoredMessage) -> JobInfo | None:
    info = ended_info(job_id, StoredOutcome.of(message.data))
    return None if info.status is JOB_STATUS.FAILED else info


def _completed(job_id: str, message: StoredMessage) -> JobInfo | None:
    info = ended_info(job_id, StoredOutcome.of(message.data))
    return info if info.status is JOB_STATUS.COMPLETED else None


def _cancelled(job_id: str, message: StoredMessage) -> JobInfo | None:
    info = ended_info(job_id, StoredOutcome.of(message.data))
    return info if info.status is JOB_STATUS.CANCELLED else None


@dataclass(frozen=True)
class _Queued:
    """Reads jobs of the stream of jobs."""

    names: Names

    async def read(self, reader: StreamReader, messages: Sequence[StoredMessage]) -> Found:
        jobs = [(message, job) for message in messages if (job := _job(message)) is not None]
        bucket = self.names.job_status
        records = await reader.of(f"KV_{bucket}").last(
            [kv_subject(bucket, job.job_id) for _, job in jobs]
        )
        return [
            (
                message.sequence,
                _in_queue(job, message, _record(records.get(kv_subject(bucket, job.job_id)))),
            )
            for message, job in jobs
        ]


@dataclass(frozen=True)
class _InHand:
    """Reads the jobs that run, or wait for their next attempt, by their records."""

    names: Names

    async def read(self, reader: StreamReader, messages: Sequence[StoredMessage]) -> Found:
        found = []
        for message in messages:
            record = _record(message)
            if record is not None and record.status in IN_HAND and record.queue:
                job_id = message.subject.split(".", 2)[2]
                found.append((message, record, self.names.job_subject(record.queue, job_id)))
        jobs = await reader.of(self.names.job_stream).last([subject for *_, subject in found])
        result: Found = []
        for message, record, subject in found:
            # It is not there if it has ended since.
            job = _job(jobs[subject]) if subject in jobs else None
            if job is not None:
                result.append((message.sequence, _in_queue(job, message, record)))
        return result


def _job(message: StoredMessage) -> Job | None:
    try:
        return Job.deserialize(message.data)
    except SerializationError as error:
        logger.debug("%s is left out: %s", message.subject, describe_error(error))
        return None


def _in_queue(job: Job, message: StoredMessage, record: JobRecord | None) -> JobInfo:
    if record is None or record.status not in IN_HAND:
        return JobInfo(job.job_id, JOB_STATUS.QUEUED, job=job, since=message.time)
    return JobInfo(
        job.job_id,
        record.status,
        job=job,
        failures=record.failures,
        worker=record.worker,
        since=message.time,
    )


def _record(message: StoredMessage | None) -> JobRecord | None:
    try:
        return None if message is None else JobRecord.deserialize(message.data)
    except SerializationError:
        return None
