"""What a finished job leaves behind its outcome: its call, its times, its attempts and its worker.

It is stored with the outcome, so it costs no message of its own. It is the wire form of the job,
then one line with the run. Larger arguments stay out.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Final

from naq.exceptions import SerializationError
from naq.models.head import FORMAT, Head, write_head
from naq.models.job import Job
from naq.models.status import JOB_STATUS
from naq.models.trail import split_trail, with_trail

COMPLETED: Final = b"completed"
FAILED: Final = b"failed"
CANCELLED: Final = b"cancelled"

LARGEST_KEPT: Final = 4096
"""Bytes of a job's wire form up to which it is kept whole; of a larger one, its settings are."""

_RUN: Final = b"\n%b %d %d %d %d %d %b"
_SECOND: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """How a job ended.

    Args:
        status: completed, failed or cancelled.
        attempts: how many attempts were made.
        enqueued_at: when the server put it into its queue, in seconds since the epoch by the
            server's clock; 0 if it never was in one.
        started_at: when its last attempt began, by the worker's clock; 0 if none did.
        ended_at: when that attempt ended, by the same clock.
        omitted: bytes of its arguments where they are not kept, else 0.
        worker: id of the worker; "" if none ran it.
    """

    status: JOB_STATUS
    attempts: int
    enqueued_at: float
    started_at: float
    ended_at: float
    omitted: int
    worker: str


def finished(
    outcome: bytes,
    job: Job,
    status: bytes,
    *,
    room: int,
    ended: int,
    attempts: int = 0,
    enqueued: int = 0,
    started: int = 0,
    worker: bytes = b"",
) -> bytes:
    """Return the value to store for a job that has ended.

    Args:
        outcome: its outcome, serialized.
        job: the job.
        status: one of the constants of this module.
        room: bytes of the largest value; where there is less, only what names the job is kept.
            The caller checks the length of what it gets.
        ended: when it ended, in nanoseconds since the epoch, as all times here.
        attempts: how many attempts were made.
        enqueued: when the server put it into its queue.
        started: when its last attempt began.
        worker: id of the worker.
    """
    wire = job.serialize()
    omitted = 0
    if len(wire) > LARGEST_KEPT or not job.keep_arguments:
        wire, _, body = wire.partition(b"\n")
        omitted = len(body)
    run = _RUN % (status, attempts, enqueued, started, ended, omitted, worker)
    stored = with_trail(outcome, wire + run)
    if len(stored) <= room:
        return stored
    wire, omitted = _name_only(job)
    run = _RUN % (status, attempts, enqueued, started, ended, omitted, worker)
    return with_trail(outcome, wire + run)


def _name_only(job: Job) -> tuple[bytes, int]:
    head = Head(FORMAT, job.job_id, job.queue, job.function_name, job.serializer, job.created_at)
    head.keep_arguments = job.keep_arguments
    _, _, body = job.serialize().partition(b"\n")
    return write_head(head), len(body)


@dataclass(frozen=True)
class Trail:
    """What is read of a finished job.

    Args:
        data: the bytes behind its outcome; b"" if there are none.
    """

    data: bytes

    @classmethod
    def of(cls, stored: bytes) -> Trail:
        """Return the trail of a stored outcome."""
        return cls(split_trail(stored)[1])

    @functools.cached_property
    def job(self) -> Job | None:
        """The job, perhaps without its arguments; None if it is not kept."""
        try:
            return Job.deserialize(self.data.rpartition(b"\n")[0])
        except SerializationError:
            return None

    @functools.cached_property
    def run(self) -> FinishedRun | None:
        """How it ended; None if it is not kept."""
        try:
            status, attempts, enqueued, started, ended, omitted, worker = (
                self.data.rpartition(b"\n")[2].decode().split(" ", 6)
            )
            return FinishedRun(
                JOB_STATUS(status),
                int(attempts),
                int(enqueued) / _SECOND,
                int(started) / _SECOND,
                int(ended) / _SECOND,
                int(omitted),
                worker,
            )
        except ValueError:
            return None
