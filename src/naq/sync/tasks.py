"""Tasks without ``await``."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from inspect import iscoroutinefunction
from typing import (
    Any,
    Concatenate,
    Generic,
    Literal,
    ParamSpec,
    Protocol,
    TypeVar,
    Unpack,
    overload,
)

from naq import flow, handles, tasks
from naq.config import Config
from naq.exceptions import NaqError
from naq.models.definition import Definition
from naq.models.info import JobInfo
from naq.models.job import Job
from naq.models.settings import JobSettings, TaskSettings
from naq.models.status import JOB_STATUS, Enqueued
from naq.sync.loop import run

P = ParamSpec("P")
Q = ParamSpec("Q")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class JobHandle(Generic[R_co]):
    """:class:`naq.JobHandle` without ``await``.

    Args:
        inner: the handle.
    """

    __slots__ = ("_inner",)

    def __init__(self, inner: handles.JobHandle[R_co]) -> None:
        self._inner = inner

    @property
    def job_id(self) -> str:
        """The job's id."""
        return self._inner.job_id

    @property
    def enqueued(self) -> Enqueued | None:
        """The result of enqueueing the job, if that is known."""
        return self._inner.enqueued

    def result(self, *, timeout: float | None = None) -> R_co:
        """Wait for the result and return it; see :meth:`naq.JobHandle.result`."""
        return run(self._inner.result(timeout=timeout))

    def info(self) -> JobInfo | None:
        """Return the state of the job, or None for an unknown job."""
        return run(self._inner.info())

    def status(self) -> JOB_STATUS | None:
        """Return the status of the job, or None for an unknown job."""
        return run(self._inner.status())

    def cancel(self) -> bool:
        """Cancel the job; return whether there was one."""
        return run(self._inner.cancel())

    def __repr__(self) -> str:
        return repr(self._inner)


class Group(Sequence[JobHandle[R_co]], Generic[R_co]):
    """:class:`naq.Group` without ``await``.

    Args:
        inner: the group.
    """

    def __init__(self, inner: flow.Group[R_co]) -> None:
        self._inner = inner

    @overload
    def __getitem__(self, index: int) -> JobHandle[R_co]: ...

    @overload
    def __getitem__(self, index: slice) -> Group[R_co]: ...

    def __getitem__(self, index: int | slice) -> JobHandle[R_co] | Group[R_co]:
        if isinstance(index, slice):
            return Group(self._inner[index])
        return JobHandle(self._inner[index])

    def __len__(self) -> int:
        return len(self._inner)

    def __repr__(self) -> str:
        return repr(self._inner)

    @overload
    def results(self, *, timeout: float | None = None) -> list[R_co]: ...

    @overload
    def results(
        self, *, timeout: float | None = None, return_exceptions: Literal[True]
    ) -> list[R_co | NaqError]: ...

    def results(
        self, *, timeout: float | None = None, return_exceptions: bool = False
    ) -> list[Any]:
        """Wait for all results and return them in the order of the jobs."""
        waited = flow.gather(
            *self._inner.handles, timeout=timeout, return_exceptions=return_exceptions
        )
        return list(run(waited))

    def count_ended(self) -> int:
        """Return how many of the jobs have ended, well or not."""
        return run(self._inner.count_ended())

    def cancel(self) -> int:
        """Cancel the jobs that have not ended, and return how many there were."""
        return run(self._inner.cancel())


@overload
def gather(*handles: JobHandle[R], timeout: float | None = None) -> tuple[R, ...]: ...


@overload
def gather(
    *handles: JobHandle[R], timeout: float | None = None, return_exceptions: bool
) -> tuple[R | NaqError, ...]: ...


def gather(
    *handles: JobHandle[Any], timeout: float | None = None, return_exceptions: bool = False
) -> tuple[Any, ...]:
    """Wait for the results of several jobs and return them; see :func:`naq.gather`.

    Args:
        handles: the handles.
        timeout: seconds to wait for all of them; None waits for ever, 0 does not wait.
        return_exceptions: return the exception of a job that has no result in its place.
    """
    inner = [handle._inner for handle in handles]
    return run(flow.gather(*inner, timeout=timeout, return_exceptions=return_exceptions))


class TaskOptions(Generic[P, R]):
    """:class:`naq.tasks.TaskOptions` without ``await``.

    Args:
        inner: the task with its settings.
    """

    def __init__(self, inner: tasks.TaskOptions[P, R]) -> None:
        self._inner = inner

    def options(self, **settings: Unpack[JobSettings]) -> TaskOptions[P, R]:
        """Return the task with settings for the next job, apart from its arguments."""
        return TaskOptions(self._inner.options(**settings))

    def job(self, /, *args: P.args, **kwargs: P.kwargs) -> Job:
        """Return a job of the task, for ``enqueue_many`` for instance."""
        return self._inner.job(*args, **kwargs)

    def enqueue(self, /, *args: P.args, **kwargs: P.kwargs) -> JobHandle[R]:
        """Put a job of the task into its queue, with these arguments."""
        return JobHandle(run(self._inner.enqueue(*args, **kwargs)))

    @overload
    def after(
        self: TaskOptions[Concatenate[A, Q], R], first: JobHandle[A], /
    ) -> TaskOptions[Q, R]: ...

    @overload
    def after(
        self: TaskOptions[Concatenate[A, B, Q], R], first: JobHandle[A], second: JobHandle[B], /
    ) -> TaskOptions[Q, R]: ...

    @overload
    def after(
        self: TaskOptions[Concatenate[A, B, C, Q], R],
        first: JobHandle[A],
        second: JobHandle[B],
        third: JobHandle[C],
        /,
    ) -> TaskOptions[Q, R]: ...

    @overload
    def after(
        self: TaskOptions[Concatenate[list[A], Q], R], group: Group[A], /
    ) -> TaskOptions[Q, R]: ...

    def after(self, *before: JobHandle[Any] | Group[Any]) -> TaskOptions[..., R]:
        """Return the task for a job that runs after others and gets their results."""
        inner: Any = self._inner  # whose overloads take as many
        return TaskOptions(inner.after(*(each._inner for each in before)))

    def map(
        self: TaskOptions[Concatenate[A, Q], R],
        items: Iterable[A],
        /,
        *args: Q.args,
        **kwargs: Q.kwargs,
    ) -> Group[R]:
        """Put a job into the queue for each item, all of them together."""
        return Group(run(self._inner.map(items, *args, **kwargs)))

    def group(self, jobs: Iterable[Job]) -> Group[R]:
        """Put jobs of the task into their queues together."""
        return Group(run(self._inner.group(jobs)))

    def schedule(self, /, *args: P.args, **kwargs: P.kwargs) -> Job:
        """Schedule recurring jobs of the task, by the option ``cron`` or ``interval``."""
        return run(self._inner.schedule(*args, **kwargs))

    def __repr__(self) -> str:
        return repr(self._inner)


class Task(Definition, TaskOptions[P, R]):
    """:class:`naq.Task` without ``await``; :func:`naq.sync.task` makes one."""

    def __init__(self, function: Callable[P, Any], settings: Mapping[str, Any]) -> None:
        Definition.__init__(self, function, settings)
        TaskOptions.__init__(self, tasks.TaskOptions[P, R](self, {}))

    def handle(self, job_id: str, *, config: Config | str | None = None) -> JobHandle[R]:
        """Return the handle of a job of the task, by an id that was kept."""
        return JobHandle(handles.JobHandle(self, job_id, config))


class AsyncTask(Task[P, R]):
    """A task that is a coroutine function."""

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
        """Call the function, here and now."""
        made: Coroutine[Any, Any, R] = self.function(*args, **kwargs)
        return made


class PlainTask(Task[P, R]):
    """A task that is a plain function; workers run it in a thread."""

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function, here and now."""
        result: R = self.function(*args, **kwargs)
        return result


class Decorator(Protocol):
    """What ``task(...)`` with settings returns."""

    @overload
    def __call__(  # type: ignore[overload-overlap] # a coroutine function is the special case
        self, function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> AsyncTask[P, R]: ...

    @overload
    def __call__(self, function: Callable[P, R], /) -> PlainTask[P, R]: ...


@overload
def task(  # type: ignore[overload-overlap] # a coroutine function is the special case
    function: Callable[P, Coroutine[Any, Any, R]], /, **settings: Unpack[TaskSettings]
) -> AsyncTask[P, R]: ...


@overload
def task(function: Callable[P, R], /, **settings: Unpack[TaskSettings]) -> PlainTask[P, R]: ...


@overload
def task(**settings: Unpack[TaskSettings]) -> Decorator: ...


def task(function: Callable[..., Any] | None = None, /, **settings: Unpack[TaskSettings]) -> Any:
    """Make a task of a function, as :func:`naq.task` does, that needs no ``await``.

    Args:
        function: the function, plain or async, or a task that is there already: the same task is
            then enqueued without ``await`` as well.
        settings: the settings of its jobs.

    Raises:
        JobError: there is no setting of a name, one makes no sense, or the function cannot be a
            task.
    """
    if function is None:
        return lambda function: task(function, **settings)
    if isinstance(function, Definition) and not settings:
        return _made(function.function, function.settings)
    return _made(function, settings)


def _made(function: Callable[..., Any], settings: Mapping[str, Any]) -> Task[..., Any]:
    return (AsyncTask if iscoroutinefunction(function) else PlainTask)(function, settings)
