"""Tasks: functions that know how they are enqueued."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from datetime import datetime, timedelta
from inspect import iscoroutinefunction
from typing import Any, Concatenate, Final, Generic, ParamSpec, Protocol, TypeVar, Unpack, overload

from naq.config import Config
from naq.exceptions import JobError
from naq.flow import Group
from naq.handles import JobHandle
from naq.models.definition import Definition
from naq.models.job import Job
from naq.models.settings import OF_A_JOB, OF_A_SCHEDULE, JobSettings, TaskSettings, check_names
from naq.queue.core import Queue

P = ParamSpec("P")
Q = ParamSpec("Q")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
R = TypeVar("R")

_AT_ONCE: Final = 50
"""Jobs with others before them that are enqueued at the same time."""

_OF_ENQUEUEING: Final = frozenset({"delay", "at", "again"})
_ALL: Final = OF_A_JOB | OF_A_SCHEDULE | _OF_ENQUEUEING | {"config"}


class TaskOptions(Generic[P, R]):
    """A task with settings for one job, or for several: what ``options`` returns."""

    def __init__(self, task: Definition, settings: Mapping[str, Any]) -> None:
        self._task = task
        self._options = settings

    def options(self, **settings: Unpack[JobSettings]) -> TaskOptions[P, R]:
        """Return the task with settings for the next job, apart from its arguments.

        Args:
            settings: those of :class:`naq.Job` except for the serializer, ``delay``, ``at``,
                ``again`` and ``config`` for :meth:`enqueue`, and those of
                :meth:`naq.Queue.schedule` for :meth:`schedule`.

        Raises:
            JobError: there is no setting of a name.
        """
        check_names(settings, _ALL, self._task.name)
        return TaskOptions(self._task, {**self._options, **settings})

    def job(self, /, *args: P.args, **kwargs: P.kwargs) -> Job:
        """Return a job of the task, for :func:`naq.enqueue_many` for instance.

        Raises:
            ArgumentError: the arguments do not fit the function's parameters.
            JobError: a setting makes no sense, or belongs to ``enqueue`` or ``schedule``.
        """
        self._refuse(OF_A_SCHEDULE | _OF_ENQUEUEING | {"config"}, "job")
        return self._task.make_job(args, kwargs, self._options)

    async def enqueue(self, /, *args: P.args, **kwargs: P.kwargs) -> JobHandle[R]:
        """Put a job of the task into its queue, with these arguments.

        Raises:
            ArgumentError: the arguments do not fit the function's parameters.
            JobError: a setting makes no sense, the job is too large, or the server refuses it.
            ScheduleError: ``delay`` or ``at`` makes no sense.
            NaqConnectionError: there is no connection, or the server did not answer in time.
        """
        self._refuse(OF_A_SCHEDULE, "enqueue")
        job = self._task.make_job(args, kwargs, self._settings_of(OF_A_JOB))
        config = self._options.get("config")
        job = await self._put(job, Queue(job.queue, config))
        return JobHandle(self._task, job.job_id, config, job.enqueued)

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
        """Return the task for a job that runs after others and gets their results.

        The results are its first arguments: that of a handle as it is, those of a group as a list.
        By the option ``on_parent_failure`` the job fails when one of the others does (``"fail"``,
        the default), is cancelled (``"cancel"``), or gets None for each that did (``"run"``).

        Args:
            before: handles and groups.

        Raises:
            JobError: a job is given twice, or there are other jobs that it depends on.
        """
        if "depends_on" in self._options:
            raise JobError(f"{self._task.name}: give all jobs that come before in one after()")
        ids: list[str] = []
        for each in before:
            ids.extend(handle.job_id for handle in (each if isinstance(each, Group) else (each,)))
        if len(set(ids)) < len(ids):
            raise JobError(f"{self._task.name}: after() takes each job once")
        lists = [len(each) if isinstance(each, Group) else None for each in before]
        return TaskOptions(self._task, {**self._options, "depends_on": ids, "pass_results": lists})

    async def map(
        self: TaskOptions[Concatenate[A, Q], R],
        items: Iterable[A],
        /,
        *args: Q.args,
        **kwargs: Q.kwargs,
    ) -> Group[R]:
        """Put a job into the queue for each item, all of them together.

        Args:
            items: the first argument of each job.
            args: further positional arguments, the same ones for all.
            kwargs: keyword arguments, the same ones for all.

        Raises:
            ArgumentError: an item or an argument does not fit the function's parameters.
            JobError: a setting makes no sense, or the server refuses a job.
            NaqConnectionError: there is no connection, or the server did not answer in time.
        """
        made = TaskOptions[Any, R](self._task, self._settings_of(OF_A_JOB))
        return await self.group(made.job(item, *args, **kwargs) for item in items)

    async def group(self, jobs: Iterable[Job]) -> Group[R]:
        """Put jobs of the task into their queues together: ``task.group(task.job(n) for n in ...)``.

        Args:
            jobs: what ``job`` has returned.

        Raises:
            JobError: it is a job of another task, or the server refuses one.
            NaqConnectionError: there is no connection, or the server did not answer in time.
        """
        self._refuse(OF_A_SCHEDULE | _OF_ENQUEUEING, "group")
        config = self._options.get("config")
        made = list(jobs)
        for job in made:
            if job.function_name != self._task.name:
                raise JobError(f"{self._task.name}: {job} is of another task")
        await _enqueue_all(made, Queue(config=config))
        return Group([JobHandle(self._task, j.job_id, config, j.enqueued) for j in made], config)

    async def schedule(self, /, *args: P.args, **kwargs: P.kwargs) -> Job:
        """Schedule recurring jobs of the task, by the option ``cron`` or ``interval``.

        A schedule is the same as long as its ``job_id`` is: give it one in a program that stores
        its schedules at each start. See :meth:`naq.Queue.schedule`.

        Raises:
            ArgumentError: the arguments do not fit the function's parameters.
            ScheduleError: there is neither a cron nor an interval, or a value makes no sense.
            JobError: a setting makes no sense.
            NaqConnectionError: there is no connection.
        """
        self._refuse(_OF_ENQUEUEING, "schedule")
        job = self._task.make_job(args, kwargs, self._settings_of(OF_A_JOB))
        queue = Queue(job.queue, self._options.get("config"))
        return await queue.schedule(job, **self._settings_of(OF_A_SCHEDULE))

    async def _put(self, job: Job, queue: Queue) -> Job:
        delay: float | timedelta | None = self._options.get("delay")
        at: datetime | None = self._options.get("at")
        again: bool = self._options.get("again", False)
        if delay is None and at is None:
            return await queue.enqueue(job, again=again)
        if again:
            raise JobError(f"{self._task.name}: again is for a job that is enqueued now")
        if delay is not None and at is not None:
            raise JobError(f"{self._task.name}: give delay or at, not both")
        if delay is not None:
            return await queue.enqueue_in(delay, job)
        assert at is not None
        return await queue.enqueue_at(at, job)

    def _settings_of(self, names: frozenset[str]) -> dict[str, Any]:
        return {name: value for name, value in self._options.items() if name in names}

    def _refuse(self, names: frozenset[str], verb: str) -> None:
        if misplaced := sorted(self._options.keys() & names):
            right = "schedule" if misplaced[0] in OF_A_SCHEDULE else "enqueue"
            raise JobError(f"{self._task.name}: {misplaced[0]} is for {right}(), not for {verb}()")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._task.name!r})"


async def _enqueue_all(jobs: list[Job], queue: Queue) -> None:
    """Enqueue jobs, most of them without a wait for each."""
    await queue.enqueue_many(job for job in jobs if not job.depends_on)
    limit = asyncio.Semaphore(_AT_ONCE)

    async def enqueue(job: Job) -> None:
        async with limit:
            await queue.enqueue(job)

    await asyncio.gather(*(enqueue(job) for job in jobs if job.depends_on))


class Task(Definition, TaskOptions[P, R]):
    """A function that can be enqueued. It is still called as the function that it is.

    :func:`naq.task` makes one of a function.
    """

    def __init__(self, function: Callable[P, Any], settings: TaskSettings) -> None:
        Definition.__init__(self, function, settings)
        TaskOptions.__init__(self, self, {})

    def handle(self, job_id: str, *, config: Config | str | None = None) -> JobHandle[R]:
        """Return the handle of a job of the task, by an id that was kept.

        Args:
            job_id: the job's id.
            config: a configuration, a URL, or None for the process's configuration.
        """
        return JobHandle(self, job_id, config)


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
    """Make a task of a function: ``@task`` or ``@task(queue="mail", retries=3)``.

    Its jobs are JSON by its annotations, unless a serializer is given. Define it at the top of a
    module, which ``naq worker`` imports.

    Args:
        function: the function, plain or async.
        settings: the settings of its jobs, as of :class:`naq.Job`: ``queue``, ``retries``,
            ``timeout`` and so on.

    Raises:
        JobError: there is no setting of a name, one makes no sense, or the function cannot be a
            task.
    """
    if function is None:
        return lambda function: task(function, **settings)
    if iscoroutinefunction(function):
        return AsyncTask(function, settings)
    return PlainTask(function, settings)
