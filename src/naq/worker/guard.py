"""A guard against async jobs that hold the event loop.

While a job computes, or sleeps, without an await, the worker sends no heartbeat and no sign that
its other jobs are in good hands. A timer signal, wound up again by every healthy turn of the loop,
then raises an exception inside that job.

No Python code runs while a C function keeps the interpreter's lock, as a regular expression can
for hours. A worker that owns its process ends it then, from a thread that needs no lock: the
server gives its jobs to other workers, which find out the one that blocks.
"""

from __future__ import annotations

import faulthandler
import signal
import sys
import threading
from contextlib import AbstractContextManager
from types import FrameType, TracebackType
from typing import Any, Final

from naq.exceptions import JobBlockedError
from naq.worker.context import current_job

EXIT_AFTER: Final = 3
"""Times the limit after which a worker that owns its process ends it."""


class LoopGuard(AbstractContextManager["LoopGuard"]):
    """Raises in the code that holds the loop, if it is a job's.

    Works in the main thread, where Python handles signals; elsewhere it does nothing. It takes
    SIGALRM for itself.

    Args:
        limit: seconds that a job may hold the loop.
        exits: end the process, with the traceback of all threads on standard error, when nothing
            else helps.
    """

    def __init__(self, limit: float, *, exits: bool = False) -> None:
        self._limit = limit
        self._exits = exits and limit > 0 and sys.__stderr__ is not None
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
        if self._exits:
            faulthandler.cancel_dump_traceback_later()
        if self._armed:
            self._armed = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._before)

    def wind_up(self) -> None:
        """Restart the timers: the loop turns."""
        if self._armed:
            # Again and again, for a job that catches the exception and goes on.
            signal.setitimer(signal.ITIMER_REAL, self._limit, 1.0)
        if self._exits:
            faulthandler.dump_traceback_later(
                EXIT_AFTER * self._limit, exit=True, file=sys.__stderr__ or sys.stderr
            )

    def _alarm(self, _number: int, _frame: FrameType | None) -> None:
        # The handler runs in the context of the code that it interrupts.
        if current_job() is not None:
            raise JobBlockedError(
                f"held the event loop for more than {self._limit:g} s: "
                "make it a plain function, which runs in a thread, or isolated"
            )
