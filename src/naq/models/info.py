"""The state of a job, wherever it is: what listings and ``get_job`` return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from naq.models.arguments import ShownArguments, shown_arguments
from naq.models.finished import FinishedRun
from naq.models.job import Job
from naq.models.outcome import JobFailure
from naq.models.schedule import Schedule, ScheduleStatus
from naq.models.status import JOB_STATUS


@dataclass(frozen=True)
class JobInfo:
    """The state of a job.

    Args:
        job_id: the job's id.
        status: its status.
        job: the job; of one that has ended, as much of it as is kept; None where nothing is.
        failures: attempts that have failed so far.
        worker: id of the worker that runs it, or ran it last, where that is known.
        failure: why it failed.
        schedule: when it runs, while it is scheduled.
        run: how it ended, once it has.
        since: when it came into its state, in seconds since the epoch; 0.0 where nobody knows.
    """

    job_id: str
    status: JOB_STATUS
    job: Job | None = None
    failures: int = 0
    worker: str = ""
    failure: JobFailure | None = None
    schedule: Schedule | None = None
    run: FinishedRun | None = None
    since: float = 0.0

    @property
    def arguments(self) -> ShownArguments:
        """The arguments as text, read without running any code."""
        return shown_arguments(self.job, self.run.omitted if self.run else 0)

    def describe(self) -> dict[str, Any]:
        """Return what a listing shows of it, in JSON's types; times in seconds since the epoch."""
        shown: dict[str, Any] = {"job_id": self.job_id, "status": self.status.value}
        if self.job:
            shown |= self.job.describe()
        if self.since:
            shown["since"] = self.since
        if self.worker:
            shown["worker"] = self.worker
        if self.failures:
            shown["failures"] = self.failures
        if self.run:
            shown |= self._times(self.run)
        if self.failure:
            shown["error"] = str(self.failure)
            shown["traceback"] = self.failure.traceback
            shown["failures"] = self.failure.attempts
        if self.schedule and self.schedule.run_at:
            shown["run_at"] = self.schedule.run_at.isoformat()
            shown["paused"] = self.schedule.status is ScheduleStatus.PAUSED
        return shown

    def _times(self, run: FinishedRun) -> dict[str, Any]:
        times = {
            "attempts": run.attempts,
            "enqueued_at": run.enqueued_at,
            "started_at": run.started_at,
            "ended_at": run.ended_at,
        }
        return {name: value for name, value in times.items() if value}
