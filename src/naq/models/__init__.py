"""The data that naq stores and sends."""

from naq.models.job import Job
from naq.models.outcome import JobFailure, Outcome
from naq.models.retry import Exponential, Fixed, Linear, RetryStrategy
from naq.models.schedule import MissedRuns, Schedule, ScheduleStatus
from naq.models.status import JOB_STATUS, WORKER_STATUS

__all__ = [
    "JOB_STATUS",
    "WORKER_STATUS",
    "Exponential",
    "Fixed",
    "Job",
    "JobFailure",
    "Linear",
    "MissedRuns",
    "Outcome",
    "RetryStrategy",
    "Schedule",
    "ScheduleStatus",
]
