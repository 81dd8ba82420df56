"""The status of a job in the bucket ``job_status``.

The first line is the status and nothing else. The second, where there is one, is JSON: the counts
that decide whether a job that comes back is tried again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import orjson

from naq.exceptions import SerializationError
from naq.models.job import Job
from naq.models.status import JOB_STATUS


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """A job's status and its history so far.

    Args:
        status: the status.
        failures: attempts that ended in an exception.
        returns: deliveries that a worker gave back, or took while it had the job already.
        crashes: attempts that the job began alone in its worker, and of whose end nothing is
            known: the worker died.
        cause: of the last of these, where the worker could write it down.
        created: when the job was made; several may have the same id, one after the other. 0 is
            any of them.
        worker: id of the worker concerned.
        queue: the job's queue.
        updated_at: seconds since the epoch.
    """

    status: JOB_STATUS
    failures: int = 0
    returns: int = 0
    crashes: int = 0
    cause: str = ""
    created: float = 0.0
    worker: str = ""
    queue: str = ""
    updated_at: float = 0.0

    def is_of(self, job: Job) -> bool:
        """Whether it is of this very job, and of none that had the same id before."""
        return self.created in (0.0, job.created_at)

    def explains(self, delivered: int) -> bool:
        """Whether it is known how each delivery before this one ended.

        Args:
            delivered: how often the server has delivered the job, this time included.
        """
        return delivered - 1 <= self.failures + self.returns

    def serialize(self) -> bytes:
        """Return the bytes to store."""
        counts = {
            "failures": self.failures,
            "returns": self.returns,
            "crashes": self.crashes,
            "cause": self.cause,
            "created": self.created,
            "worker": self.worker,
            "queue": self.queue,
            "updated_at": self.updated_at or time.time(),
        }
        return self.status.value.encode() + b"\n" + orjson.dumps(counts)

    @classmethod
    def deserialize(cls, data: bytes | None) -> JobRecord:
        """Read what was stored; a status alone will do.

        Raises:
            SerializationError: the bytes are no status.
        """
        head, _, tail = (data or b"").partition(b"\n")
        try:
            counts = {**orjson.loads(tail or b"{}"), "status": JOB_STATUS(head.decode())}
            return cls(**{name: counts[name] for name in cls.__slots__ if name in counts})
        except (ValueError, TypeError) as error:
            raise SerializationError(f"no status of a job: {(data or b'')[:40]!r}") from error
