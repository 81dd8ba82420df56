"""Executes the call of a job: in the loop, in a thread, or in its own process."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import os
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final

from naq.exceptions import JobError, JobRefusedError, JobTimeoutError
from naq.middleware import Middleware, chain
from naq.models.definition import prepare
from naq.models.functions import name_of
from naq.models.job import Job
from naq.models.outcome import Outcome
from naq.worker.allow import AllowList
from naq.worker.context import JobContext, running
from naq.worker.isolate import run_isolated

JobMiddleware = Middleware[JobContext, Any]

SPARE_THREADS: Final = 1000
"""Threads beyond the worker's concurrency: a thread whose job has timed out can't be ended."""


def overdue(job: Job) -> JobTimeoutError:
    """Return the error of a job that takes too long."""
    return JobTimeoutError(f"took longer than its timeout of {job.timeout:g} s")


class Executor:
    """Runs jobs for one worker.

    Args:
        concurrency: how many run at once.
        memory_limit: bytes of memory that an isolated job may have; None is no limit.
        serializers: names of the serializers whose jobs may be read; None is all.
        allowed: what may be run; None is everything.
        middleware: what goes around each attempt; the first is the outermost.
        state: what the worker's lifespan has yielded.
    """

    def __init__(
        self,
        concurrency: int,
        memory_limit: int | None = None,
        serializers: frozenset[str] | None = None,
        allowed: AllowList | None = None,
        middleware: Iterable[JobMiddleware] = (),
        state: Any = None,
    ) -> None:
        self._threads = ThreadPoolExecutor(concurrency + SPARE_THREADS, "naq-job")
        self._memory_limit = memory_limit
        self._serializers = serializers
        self._allowed = allowed
        self._is_restricted = serializers is not None or allowed is not None
        self._middleware = tuple(middleware)
        self._state = state
        self.abandoned = 0

    async def run(self, context: JobContext, parents: tuple[bytes | None, ...] = ()) -> Outcome:
        """Make the job's call, with middleware around it, and return its result.

        Args:
            context: the job.
            parents: the stored results that come before the call's own arguments.

        Raises:
            JobRefusedError: the worker may not read or run the job.
            BaseException: whatever the function raised, or failed to be.
        """
        job = context.job
        if self._is_restricted:
            self._check(job, parents)
        context.state = self._state
        if not self._middleware:
            return await self._run_in_time(context, parents)
        with running(context):
            return await self._run_inside(context, parents)

    async def _run_inside(self, context: JobContext, parents: tuple[bytes | None, ...]) -> Outcome:
        """Make the call inside the middleware, which may return another value."""
        outcome = Outcome(serializer=context.job.serializer)

        async def call(context: JobContext) -> Any:
            nonlocal outcome
            outcome = await self._run_in_time(context, parents)
            return outcome.value

        value = await chain(self._middleware, call)(context)
        return outcome if value is outcome.value else replace(outcome, value=value)

    async def _run_in_time(self, context: JobContext, parents: tuple[bytes | None, ...]) -> Outcome:
        job = context.job
        if job.timeout is None:
            return await self._call(context, parents)
        scope = asyncio.timeout(job.timeout)
        try:
            async with scope:
                return await self._call(context, parents)
        except TimeoutError as error:
            if not scope.expired():
                raise  # the function's own
            raise overdue(job) from error

    async def _call(self, context: JobContext, parents: tuple[bytes | None, ...]) -> Outcome:
        job = context.job
        if job.isolated:
            return await run_isolated(context, self._memory_limit, parents)
        function, args, kwargs, serializer = prepare(job, job.function(), parents)
        with running(context):
            if is_async(function):
                value = await function(*args, **kwargs)
            else:
                call = functools.partial(function, *args, **kwargs)
                value = await self._in_thread(call, context)
                if inspect.isawaitable(value):
                    value = await value
        return Outcome(value, serializer=serializer)

    def _check(self, job: Job, parents: tuple[bytes | None, ...]) -> None:
        """Refuse what may not be read or run, before anything of it is read or imported."""
        if self._allowed is not None:
            self._allowed.check(job)
        self._check_serializer(job.serializer, job)
        for data in parents:
            if data is not None:
                self._check_serializer(Outcome.serializer_of(data), job)

    def _check_serializer(self, name: str, job: Job) -> None:
        if self._serializers is None or name in self._serializers:
            return
        if self._allowed is not None and name == self._allowed.serializer_of(job):
            return
        readable = ", ".join(sorted(self._serializers))
        raise JobRefusedError(
            f"this worker reads no {name} jobs, only {readable} ones: enqueue with one of "
            "these serializers"
        )

    async def _in_thread(self, call: Callable[[], Any], context: JobContext) -> Any:
        run = functools.partial(run_in_context, contextvars.copy_context(), os.getpid(), call)
        future = self._threads.submit(run)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            context.broken_off = True
            if not future.done():
                self.leave(future)
            raise

    def leave(self, running: Future[Any] | asyncio.Task[None]) -> None:
        """Count what still runs although its job is dealt with, until it ends."""
        self.abandoned += 1
        running.add_done_callback(self._came_back)

    def _came_back(self, _future: object) -> None:
        self.abandoned -= 1

    def shutdown(self) -> None:
        """Let the idle threads go. Threads that still run a job are left behind."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def run_in_context(context: contextvars.Context, pid: int, call: Callable[[], Any]) -> Any:
    """Call a plain function.

    Args:
        context: its context variables.
        pid: id of the process that it belongs to.
        call: the function.

    Raises:
        RuntimeError: it raised what no future and no task can hold.
    """
    try:
        return context.run(call)
    except (StopIteration, GeneratorExit) as error:
        # A future cannot hold a StopIteration; a GeneratorExit would end the awaiting task.
        raise RuntimeError(f"the function raised {type(error).__name__}") from error
    finally:
        if os.getpid() != pid:
            # The job forked and this is the child: it must not go on as a second worker.
            os._exit(0)


@functools.lru_cache(maxsize=4096)
def _is_async(function: Callable[..., Any]) -> bool:
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004
    )


def is_async(function: Callable[..., Any]) -> bool:
    """Whether a call of the function gives something to be awaited."""
    try:
        return _is_async(function)
    except TypeError:  # it cannot be hashed
        return _is_async.__wrapped__(function)


def checked_middleware(middleware: Iterable[JobMiddleware]) -> tuple[JobMiddleware, ...]:
    """Return middleware that can be awaited.

    Raises:
        JobError: one of them is no async function.
    """
    checked = tuple(middleware)
    for each in checked:
        if not is_async(each):
            raise JobError(f"the middleware {name_of(each)} is no async function")
    return checked
