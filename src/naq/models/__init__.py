"""What naq stores and sends."""

from naq.models.schedule import MissedRuns, Schedule, ScheduleStatus
from naq.models.status import WORKER_STATUS

__all__ = ["WORKER_STATUS", "MissedRuns", "Schedule", "ScheduleStatus"]
