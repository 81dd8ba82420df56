"""Counts of uses of connections, their duration and their failures."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from time import perf_counter


@dataclass(frozen=True)
class ConnectionMetrics:
    """Counts of uses of connections. A use is a lease, an exclusive connection, a monitored call.

    Args:
        total_connections: uses begun.
        active_connections: uses that go on now.
        failed_connections: uses that failed: no connection, or a monitored call that raised.
        successful_connections: uses that ended well.
        total_connection_time: seconds that the uses which ended well took together.
    """

    total_connections: int = 0
    active_connections: int = 0
    failed_connections: int = 0
    successful_connections: int = 0
    total_connection_time: float = 0.0

    @property
    def average_connection_time(self) -> float:
        """Average seconds of a use; 0 before the first has ended."""
        if not self.successful_connections:
            return 0.0
        return self.total_connection_time / self.successful_connections


class Uses:
    """The counts of one event loop: a single thread writes them, so they need no lock."""

    __slots__ = ("begun", "ended", "failed", "seconds")

    def __init__(self) -> None:
        self.begun = self.ended = self.failed = 0
        self.seconds = 0.0

    def add(self, other: Uses, sign: int = 1) -> None:
        """Add other counts to these, or take them off."""
        self.begun += sign * other.begun
        self.ended += sign * other.ended
        self.failed += sign * other.failed
        self.seconds += sign * other.seconds


class ConnectionMonitor:
    """Counts uses of connections, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._own = Uses()
        self._before = Uses()
        self._loops: set[Uses] = set()
        self._retired: deque[Uses] = deque()

    def record_connection_start(self) -> None:
        """Count a use that begins."""
        with self._lock:
            self._own.begun += 1

    def record_connection_end(self, duration: float) -> None:
        """Count a use that ended well.

        Args:
            duration: how many seconds it took.
        """
        with self._lock:
            self._own.ended += 1
            self._own.seconds += duration

    def record_connection_failure(self) -> None:
        """Count a use that failed, which ends it too."""
        with self._lock:
            self._own.failed += 1

    def count(self, uses: Uses) -> None:
        """Count what an event loop counts, too."""
        with self._lock:
            self._take_over_retired()
            self._loops.add(uses)

    def retire(self, uses: Uses) -> None:
        """Keep the counts of an event loop that has ended, and no more of it.

        The garbage collector calls this at any moment, also while its thread holds the lock. So it
        takes none, and leaves the rest to the next count.
        """
        self._retired.append(uses)

    def _take_over_retired(self) -> None:
        while self._retired:
            uses = self._retired.popleft()
            self._loops.discard(uses)
            self._own.add(uses)

    def get_metrics(self) -> ConnectionMetrics:
        """Return the current counts."""
        now = self._now()
        active = now.begun - now.ended - now.failed
        now.add(self._before, -1)
        return ConnectionMetrics(now.begun, active, now.failed, now.ended, now.seconds)

    async def reset_metrics(self) -> None:
        """Count from 0 again, save for the uses that go on now."""
        now = self._now()
        now.begun = now.ended + now.failed
        self._before = now

    def _now(self) -> Uses:
        now = Uses()
        with self._lock:
            self._take_over_retired()
            for uses in (self._own, *self._loops):
                now.add(uses)
        return now


monitor = ConnectionMonitor()
"""The monitor of this process."""

in_monitored_call: ContextVar[bool] = ContextVar("naq_in_monitored_call", default=False)
"""Whether a monitored call counts what happens."""


@contextmanager
def monitored_call() -> Iterator[None]:
    """Count what happens inside as one use, which fails with an exception."""
    if in_monitored_call.get():
        yield
        return
    monitor.record_connection_start()
    began = perf_counter()
    token = in_monitored_call.set(True)
    try:
        yield
    except BaseException:
        monitor.record_connection_failure()
        raise
    else:
        monitor.record_connection_end(perf_counter() - began)
    finally:
        in_monitored_call.reset(token)


@contextmanager
def counted(uses: Uses) -> Iterator[None]:
    """Count what happens inside as one use, unless a monitored call does."""
    if in_monitored_call.get():
        yield
        return
    uses.begun += 1
    began = perf_counter()
    try:
        yield
    finally:
        uses.ended += 1
        uses.seconds += perf_counter() - began


def count_failure() -> None:
    """Count a failed connect."""
    if not in_monitored_call.get():
        monitor.record_connection_start()
        monitor.record_connection_failure()


def get_connection_metrics() -> ConnectionMetrics:
    """Return the current counts of this process."""
    return monitor.get_metrics()


async def reset_connection_metrics() -> None:
    """Count from 0 again in this process, save for the uses that go on now."""
    await monitor.reset_metrics()
