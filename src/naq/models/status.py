"""States of a worker."""

from __future__ import annotations

from enum import StrEnum


class WORKER_STATUS(StrEnum):  # noqa: N801 - the name is older than the habit
    """The status of a worker. The bucket ``worker_status`` holds the value."""

    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"
    STOPPING = "stopping"
