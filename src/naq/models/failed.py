"""A failed job, as the bucket ``failed_jobs`` keeps it until it is requeued or purged.

The first line is JSON with the reason of the failure; the job follows unchanged. So nearly every job
fits that fitted into its queue.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from naq.exceptions import SerializationError
from naq.models.job import Job
from naq.models.outcome import JobFailure


@dataclass(frozen=True, slots=True)
class FailedJob:
    """A job that failed for good, and why.

    Args:
        job: the job, ready to be enqueued again.
        failure: what the last attempt ended in.
    """

    job: Job
    failure: JobFailure

    def serialize(self, room: int | None = None) -> bytes:
        """Return the bytes to store.

        Args:
            room: bytes of the largest message, for which the failure is shortened; None is any.
        """
        job = self.job.serialize()
        failure = self.failure
        if room is not None:
            failure = failure.fitting(lambda each: len(_head(each)) + len(job), room)
        return _head(failure) + job

    @classmethod
    def deserialize(cls, data: bytes | None) -> FailedJob:
        """Read what was stored, without reading the job's arguments.

        Raises:
            SerializationError: the bytes are no failed job.
        """
        head, _, job = (data or b"").partition(b"\n")
        try:
            return cls(Job.deserialize(job), JobFailure.from_json(json.loads(head)["failure"]))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise SerializationError(f"no failed job: {(data or b'')[:40]!r}") from error

    def describe(self) -> dict[str, Any]:
        """Return what a listing shows of it."""
        return {**self.job.describe(), **dataclasses.asdict(self.failure)}


def _head(failure: JobFailure) -> bytes:
    document = {"naq": 1, "failure": failure.to_json()}
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"
