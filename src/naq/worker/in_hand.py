"""The jobs that a worker holds, and where in the worker each of them is."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from naq.worker.delivery import Delivery

PREFETCH_TIME: Final = 0.05
"""Seconds of work that wait in the worker, so that it never stands still."""


class InHand:
    """The jobs between delivery and acknowledgement on one connection.

    A job is doubtful until its result has been looked up, ready, running, or, when it is none of
    these, on its way to being acknowledged.
    """

    def __init__(self) -> None:
        self.deliveries: dict[int, Delivery] = {}
        self.doubtful: deque[Delivery] = deque()
        self.doubts = asyncio.Event()
        self.ready: asyncio.Queue[Delivery] = asyncio.Queue()
        self.running: dict[Delivery, asyncio.Task[None]] = {}
        self.mean_duration = PREFETCH_TIME
        self._released_last = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many jobs do not run yet."""
        return self.ready.qsize() + len(self.doubtful)

    def doubt(self, delivery: Delivery) -> None:
        """Have the result of a job looked up before the job runs."""
        self.doubtful.append(delivery)
        self.doubts.set()

    def measure(self, duration: float) -> None:
        """Take the duration of one more job, in seconds, into the moving average."""
        self.mean_duration += 0.05 * (max(duration, 1e-5) - self.mean_duration)

    def release(self, delivery: Delivery) -> None:
        """Forget a job that is acknowledged or given back."""
        self.deliveries.pop(delivery.sequence, None)
        if not self.deliveries:
            self._released_last.set()

    async def wait_until_empty(self) -> None:
        """Wait until every job is released."""
        while self.deliveries:
            self._released_last.clear()
            await self._released_last.wait()
