"""States of a worker."""

from __future__ import annotations

from enum import StrEnum


class WORKER_STATUS(StrEnum):  # noqa: N801 - the name is older than the habit
    """What a worker is doing. The value is what the bucket ``worker_status`` holds."""

    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"
    STOPPING = "stopping"
