"""A failed job, as the bucket ``failed_jobs`` keeps it until it is requeued or purged."""

from __future__ import annotations

import base64
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

    def serialize(self) -> bytes:
        """Return the bytes to store: JSON, with the job's own bytes in base64."""
        document = {
            "job": base64.b64encode(self.job.serialize()).decode("ascii"),
            "failure": dataclasses.asdict(self.failure),
        }
        return json.dumps(document, separators=(",", ":")).encode()

    @classmethod
    def deserialize(cls, data: bytes | None) -> FailedJob:
        """Read what was stored, without reading the job's arguments.

        Raises:
            SerializationError: the bytes are no failed job.
        """
        try:
            document = json.loads(data or b"")
            job = Job.deserialize(base64.b64decode(document["job"], validate=True))
            return cls(job, JobFailure(**document["failure"]))
        except (ValueError, TypeError, KeyError) as error:
            raise SerializationError(f"no failed job: {(data or b'')[:40]!r}") from error

    def describe(self) -> dict[str, Any]:
        """Return what a listing shows of it."""
        return {**self.job.describe(), **dataclasses.asdict(self.failure)}
