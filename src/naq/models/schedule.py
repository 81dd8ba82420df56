"""When a job runs: once, again and again, or by a cron expression."""

from __future__ import annotations

import base64
import dataclasses
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from naq.exceptions import ScheduleError, SerializationError


class ScheduleStatus(StrEnum):
    """Whether the scheduler looks at a schedule."""

    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"
    """All its runs are done. It stays stored, so the same definition does not start again."""


class MissedRuns(StrEnum):
    """The policy for runs missed while no scheduler was up."""

    ONCE = "once"
    """One run for all that were missed."""
    ALL = "all"
    """Every missed run, one after the other."""
    SKIP = "skip"
    """None of them: the next run is the next one due."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When a job runs, and what is enqueued then.

    Args:
        job_id: the job's id, and the key in the bucket ``scheduled_jobs``.
        run_at: the time of the next run. A time without a zone is UTC.
        cron: a cron expression of five fields, or six with seconds first.
        interval: seconds between two runs.
        repeat: how many runs are left; None is for ever. A schedule with neither ``cron`` nor
            ``interval`` runs once.
        timezone: the IANA name of the zone in which ``cron`` is meant.
        queue: the queue that the job is put into.
        payload: the serialized job.
        status: paused schedules stay stored and do not run.
        missed_runs: what happens to runs missed while no scheduler was up.
        overlap: whether a run is enqueued while the one before is still queued or runs.
        definition: when it runs as the code defines it, before any run; "" for one that takes
            the place of whatever is stored.
        owner: the part of the code that defines it; see ``prune_schedules``.

    Raises:
        ScheduleError: a value is out of range, or there is both a cron and an interval.
    """

    job_id: str
    run_at: datetime | None = None
    cron: str | None = None
    interval: float | None = None
    repeat: int | None = None
    timezone: str = "UTC"
    queue: str = "default"
    payload: bytes = b""
    status: ScheduleStatus = ScheduleStatus.ACTIVE
    missed_runs: MissedRuns = MissedRuns.ONCE
    overlap: bool = True
    definition: str = ""
    owner: str = ""

    @property
    def is_recurring(self) -> bool:
        """Whether it runs more than once."""
        return self.cron is not None or self.interval is not None

    def __post_init__(self) -> None:
        if self.cron is not None and self.interval is not None:
            raise ScheduleError(f"schedule {self.job_id!r}: give a cron or an interval, not both")
        if self.run_at is not None and not isinstance(self.run_at, datetime):
            raise ScheduleError(
                f"schedule {self.job_id!r}: its time must be a datetime, not {self.run_at!r}"
            )
        if self.interval is not None and not self.interval > 0:
            raise ScheduleError(f"schedule {self.job_id!r}: the interval must be above 0 seconds")
        if self.repeat is not None and self.repeat < 1:
            raise ScheduleError(f"schedule {self.job_id!r}: repeat must be 1 or more, or None")
        if self.run_at is not None:
            zoned = self.run_at if self.run_at.tzinfo else self.run_at.replace(tzinfo=UTC)
            object.__setattr__(self, "run_at", zoned.astimezone(UTC))

    def defined_again_by(self, newer: Schedule) -> Schedule:
        """Return this schedule, as its code defines it now: ``newer`` if that runs at other times.

        Otherwise the next run, a pause and the number of runs left stay as they are.
        """
        if not newer.definition or newer.definition != self.definition:
            return newer
        return dataclasses.replace(
            newer,
            run_at=self.run_at,
            repeat=self.repeat,
            status=self.status,
            cron=self.cron,
            interval=self.interval,
            timezone=self.timezone,
        )

    def at(self, run_at: datetime | None) -> Schedule:
        """Return the schedule with another time of its next run."""
        return dataclasses.replace(self, run_at=run_at)

    def serialize(self) -> bytes:
        """Return the schedule as JSON in UTF-8: the same bytes for the same schedule."""
        document = dataclasses.asdict(self)
        document["run_at"] = self.run_at.isoformat() if self.run_at else None
        document["payload"] = base64.b64encode(self.payload).decode("ascii")
        return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()

    @classmethod
    def deserialize(cls, data: bytes | None) -> Schedule:
        """Return the schedule that ``serialize`` turned into bytes.

        Fields that this version does not know are left out.

        Raises:
            SerializationError: the bytes are no schedule.
        """
        try:
            document: dict[str, Any] = json.loads(data or b"")
            known = {field.name for field in dataclasses.fields(cls)}
            values = {name: value for name, value in document.items() if name in known}
            if values.get("run_at") is not None:
                values["run_at"] = datetime.fromisoformat(values["run_at"])
            values["payload"] = base64.b64decode(values.get("payload", ""), validate=True)
            values["status"] = ScheduleStatus(values.get("status", ScheduleStatus.ACTIVE))
            values["missed_runs"] = MissedRuns(values.get("missed_runs", MissedRuns.ONCE))
            return cls(**values)
        except (
            ValueError,
            TypeError,
            AttributeError,
            OverflowError,
            RecursionError,
            ScheduleError,
        ) as error:
            raise SerializationError(f"these bytes are no schedule: {error}") from error
