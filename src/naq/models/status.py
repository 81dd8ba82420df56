"""States: of a job, of an enqueue, of a worker."""

from __future__ import annotations

from enum import StrEnum


class JOB_STATUS(StrEnum):  # noqa: N801 - the name is older than the habit
    """The status of a job."""

    SCHEDULED = "scheduled"
    WAITING = "waiting"
    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Enqueued(StrEnum):
    """The result of enqueueing a job."""

    NEW = "new"
    """It is in its queue now, or waits for others, or for its time."""
    QUEUED = "queued"
    """A job of this id was in the queue already, waiting or running: that one stays."""
    DONE = "done"
    """A job of this id went into the queue within the last two minutes, and has ended."""


class WORKER_STATUS(StrEnum):  # noqa: N801 - the name is older than the habit
    """The status of a worker. The bucket ``worker_status`` holds the value."""

    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"
    STOPPING = "stopping"
