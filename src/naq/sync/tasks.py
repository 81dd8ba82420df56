"""Tasks without ``await``."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from inspect import iscoroutinefunction
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, Unpack, overload

from naq import handles, tasks
from naq.models.definition import Definition
from naq.models.info import JobInfo
from naq.models.job import Job
from naq.models.settings import JobSettings, TaskSettings
from naq.models.status import JOB_STATUS, Enqueued
from naq.sync.loop import run

P = ParamSpec("P")
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

    def handle(self, job_id: str, *, config: Any = None) -> JobHandle[R]:
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
