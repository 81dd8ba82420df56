"""How often connections were used, for how long, and how often there was none."""

from __future__ import annotations

import threading
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
        """Seconds that a use took on average; 0 before the first has ended."""
        if not self.successful_connections:
            return 0.0
        return self.total_connection_time / self.successful_connections


class ConnectionMonitor:
    """Counts uses of connections, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._total = self._active = self._failed = self._successful = 0
        self._time = 0.0

    def record_connection_start(self) -> None:
        """Count a use that begins."""
        with self._lock:
            self._total += 1
            self._active += 1

    def record_connection_end(self, duration: float) -> None:
        """Count a use that ended well.

        Args:
            duration: how many seconds it took.
        """
        with self._lock:
            self._active -= 1
            self._successful += 1
            self._time += duration

    def record_connection_failure(self) -> None:
        """Count a use that failed, which ends it too."""
        with self._lock:
            self._active -= 1
            self._failed += 1

    def get_metrics(self) -> ConnectionMetrics:
        """Return the counts as they are now."""
        with self._lock:
            return ConnectionMetrics(
                self._total, self._active, self._failed, self._successful, self._time
            )

    async def reset_metrics(self) -> None:
        """Count from 0 again, save for the uses that go on now."""
        with self._lock:
            self._total = self._active
            self._failed = self._successful = 0
            self._time = 0.0


monitor = ConnectionMonitor()
"""The monitor of this process."""

_in_monitored_call: ContextVar[bool] = ContextVar("naq_in_monitored_call", default=False)


def begin_use() -> float:
    """Count the beginning of a use; return its time, or 0 when a monitored call counts it."""
    if _in_monitored_call.get():
        return 0.0
    with monitor._lock:  # what record_connection_start does, without the price of a call
        monitor._total += 1
        monitor._active += 1
    return perf_counter()


def end_use(began: float) -> None:
    """Count the good end of the use that ``begin_use`` returned the time of."""
    if began:
        duration = perf_counter() - began
        with monitor._lock:
            monitor._active -= 1
            monitor._successful += 1
            monitor._time += duration


def fail_use(began: float) -> None:
    """Count the failure of the use that ``begin_use`` returned the time of."""
    if began:
        monitor.record_connection_failure()


@contextmanager
def monitored_call() -> Iterator[None]:
    """Count what happens inside as one use, which fails with an exception."""
    began = begin_use()
    token = _in_monitored_call.set(True)
    try:
        yield
    except BaseException:
        fail_use(began)
        raise
    else:
        end_use(began)
    finally:
        _in_monitored_call.reset(token)


def get_connection_metrics() -> ConnectionMetrics:
    """Return the counts of this process as they are now."""
    return monitor.get_metrics()


async def reset_connection_metrics() -> None:
    """Count from 0 again in this process, save for the uses that go on now."""
    await monitor.reset_metrics()
