"""A guard against async jobs that hold the event loop.

While a job computes, or sleeps, without an await, the worker sends no heartbeat and no sign that
its other jobs are in good hands. A timer signal, wound up again by every healthy turn of the loop,
then raises an exception inside that job.
"""

from __future__ import annotations

import signal
import threading
from contextlib import AbstractContextManager
from types import FrameType, TracebackType
from typing import Any

from naq.exceptions import JobBlockedError
from naq.worker.context import current_job


class LoopGuard(AbstractContextManager["LoopGuard"]):
    """Raises in the code that holds the loop, if it is a job's.

    Works in the main thread, where Python handles signals; elsewhere it does nothing. It takes
    SIGALRM for itself.

    Args:
        limit: seconds that a job may hold the loop.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._armed = False
        self._before: Any = None

    def __enter__(self) -> LoopGuard:
        if threading.current_thread() is threading.main_thread() and self._limit > 0:
            self._before = signal.signal(signal.SIGALRM, self._alarm)
            self._armed = True
            self.wind_up()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._armed:
            self._armed = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._before)

    def wind_up(self) -> None:
        """Start the time anew: the loop is turning."""
        if self._armed:
            # Again and again, for a job that catches the exception and goes on.
            signal.setitimer(signal.ITIMER_REAL, self._limit, 1.0)

    def _alarm(self, _number: int, _frame: FrameType | None) -> None:
        # The handler runs in the context of the code that it interrupts.
        if current_job() is not None:
            raise JobBlockedError(
                f"held the event loop for more than {self._limit:g} s: "
                "make it a plain function, which runs in a thread, or isolated"
            )
