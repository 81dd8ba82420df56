"""The running job's view of itself."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar

from naq.exceptions import JobError
from naq.models.job import Job

S = TypeVar("S")

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
        state: what the lifespan of the worker has yielded; None without a lifespan, and in an
            isolated job, which runs in a process of its own.
    """

    job: Job
    attempt: int
    worker: str
    report: Callable[[bytes], None]
    broken_off: bool = False
    state: Any = None


def current_job() -> JobContext | None:
    """Return the job that calls this, or None outside of a job."""
    return _current.get()


def lifespan_state(kind: type[S]) -> S:
    """Return what the lifespan of the worker has yielded.

    Args:
        kind: its class.

    Raises:
        JobError: no job calls this, the job is isolated, or its worker has no such state.
    """
    context = _current.get()
    if context is None:
        raise JobError("only a job has the state of a lifespan")
    if isinstance(context.state, kind):
        return context.state
    if context.job.isolated:
        raise JobError("an isolated job has no state: it runs in a process of its own")
    found = "no state" if context.state is None else f"a state of {type(context.state).__name__}"
    raise JobError(f"expected a state of {kind.__name__}: this worker has {found}")


class running:  # noqa: N801 - it is used like a function
    """Make a job the current one of this task or thread, and of what it starts.

    Args:
        context: the job.
    """

    __slots__ = ("_before", "_context")

    def __init__(self, context: JobContext) -> None:
        self._context = context

    def __enter__(self) -> None:
        self._before = _current.set(self._context)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _current.reset(self._before)
