"""The jobs that a worker holds, and where in the worker each of them is."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from naq.worker.delivery import Delivery
from naq.worker.order import Ready

PREFETCH_TIME: Final = 0.05
"""Seconds of prefetched work, so the worker is never idle."""


class InHand:
    """The jobs between delivery and acknowledgement on one connection.

    A job is doubtful until its result has been looked up, held until its limit lets it run, ready or
    suspect, running, or, when it is none of these, on its way to being acknowledged.

    Args:
        ready: holds the ready jobs; by default in the order in which they come.
    """

    def __init__(self, ready: Ready | None = None) -> None:
        self.deliveries: dict[int, Delivery] = {}
        self.doubtful: deque[Delivery] = deque()
        self.doubts = asyncio.Event()
        self.ready: asyncio.Queue[Delivery] | Ready = ready or asyncio.Queue()
        self.held: dict[str, list[Delivery]] = {}  # by the keys of their limits
        self.suspects: deque[Delivery] = deque()
        self.suspicion = asyncio.Event()
        self.open = asyncio.Event()  # jobs may start beside others
        self.open.set()
        self.closing = False  # no job may start any more
        self.running: dict[Delivery, asyncio.Task[None]] = {}
        self.mean_duration = PREFETCH_TIME
        self._ended_last = asyncio.Event()
        self._is_awaited = False

    @property
    def waiting(self) -> int:
        """How many jobs do not run yet."""
        return self.ready.qsize() + len(self.suspects) + len(self.doubtful)

    def doubt(self, delivery: Delivery) -> None:
        """Have the result of a job looked up before the job runs."""
        self.doubtful.append(delivery)
        self.doubts.set()

    def admit(self, delivery: Delivery) -> None:
        """Have a job run: a suspect alone."""
        if delivery.suspect:
            self.suspects.append(delivery)
            self.suspicion.set()
        else:
            self.ready.put_nowait(delivery)

    def end(self, delivery: Delivery, duration: float | None = None) -> None:
        """Note that a job runs no longer.

        Args:
            delivery: the job.
            duration: the seconds that it took, for the moving average; None leaves that alone.
        """
        if duration is not None:
            self.mean_duration += 0.05 * (max(duration, 1e-5) - self.mean_duration)
        self.running.pop(delivery, None)
        if self._is_awaited and not self.running:
            self._ended_last.set()

    async def wait_until_nothing_runs(self) -> None:
        """Wait until no job runs."""
        self._is_awaited = True
        while self.running:
            self._ended_last.clear()
            await self._ended_last.wait()
        self._is_awaited = False

    def release(self, delivery: Delivery) -> None:
        """Forget a job that is acknowledged or given back."""
        self.deliveries.pop(delivery.sequence, None)
