"""A worker's settings, which do not change while it runs, and its counters, which do."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass
from typing import Any

from naq.config import Config
from naq.version import __version__
from naq.worker.allow import AllowList
from naq.worker.execute import JobMiddleware
from naq.worker.metrics import Metrics
from naq.worker.order import QueueOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """The settings of a worker; :class:`naq.Worker` documents and checks them."""

    queues: tuple[str, ...]
    weights: tuple[int, ...]
    order: QueueOrder
    config: Config
    worker_id: str
    concurrency: int
    prefetch: int | None
    ack_wait: float
    shutdown_timeout: float
    block_limit: float
    exit_when_blocked: bool
    memory_limit: int | None
    max_memory: int | None
    max_crashes: int
    serializers: frozenset[str] | None
    allowed: AllowList | None
    middleware: tuple[JobMiddleware, ...]
    metrics: tuple[Metrics, ...]
    events: bool
    burst: bool

    def describe(self) -> dict[str, Any]:
        """Return what a list of workers shows, in JSON's types."""
        return {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "queues": list(self.queues),
            "concurrency": self.concurrency,
            "started_at": time.time(),
            "version": __version__,
        }


@dataclass(slots=True)
class Counters:
    """Jobs that a worker has ended, over all its connections.

    Args:
        completed: attempts that returned.
        failed: attempts that raised.
    """

    completed: int = 0
    failed: int = 0
