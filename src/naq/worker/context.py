"""The running job's view of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from naq.models.job import Job

_current: ContextVar[JobContext | None] = ContextVar("naq_current_job", default=None)


@dataclass(slots=True)
class JobContext:
    """The job that is running, seen from inside.

    Args:
        job: the job.
        attempt: the number of this attempt, from 1.
        worker: id of the worker.
        report: takes the progress of the job; see :func:`naq.report_progress`.
        broken_off: whether nobody waits for the attempt any longer: it was cancelled, ran into
            its timeout, or its worker stops. A plain function, which nothing can stop, may look
            now and then, and end.
    """

    job: Job
    attempt: int
    worker: str
    report: Callable[[bytes], None]
    broken_off: bool = False


def current_job() -> JobContext | None:
    """Return the job that calls this, or None outside of a job."""
    return _current.get()


@contextmanager
def running(context: JobContext) -> Iterator[None]:
    """Make a job the current one of this task or thread, and of what it starts."""
    before = _current.set(context)
    try:
        yield
    finally:
        _current.reset(before)
