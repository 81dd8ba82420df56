"""Middleware: functions around a call, the first of a list outermost.

Middleware around enqueueing is registered for the process, as serializers are: it holds however a
job is enqueued.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from naq.exceptions import JobError
from naq.models.functions import name_of
from naq.models.job import Job

A = TypeVar("A")
R = TypeVar("R")

CallNext = Callable[[A], Awaitable[R]]
Middleware = Callable[[A, CallNext[A, R]], Awaitable[R]]
EnqueueMiddleware = Middleware[Job, Job]

_around_enqueue: list[EnqueueMiddleware] = []


def register_enqueue_middleware(middleware: EnqueueMiddleware) -> None:
    """Have an async function called around each job that this process enqueues.

    It is called with the job and with ``call_next``, which enqueues and returns the job. It may
    add headers, refuse the job by an exception, which the caller of ``enqueue`` gets, or await
    ``call_next`` with another job. It returns the job. The first one registered is the outermost.

    It runs once for each job: in ``enqueue``, ``enqueue_many``, ``enqueue_at`` and ``enqueue_in``,
    and for each run of a recurring schedule in the scheduler.

    Args:
        middleware: the function; one that is registered already stays in its place.
    """
    if middleware not in _around_enqueue:
        _around_enqueue.append(middleware)


def unregister_enqueue_middleware(middleware: EnqueueMiddleware) -> None:
    """Have a function called no longer; one that is not registered is no error.

    Args:
        middleware: the function.
    """
    if middleware in _around_enqueue:
        _around_enqueue.remove(middleware)


def around_enqueue(put: CallNext[Job, Job]) -> CallNext[Job, Job]:
    """Return what enqueues a job with the registered middleware around it, for one use.

    Args:
        put: enqueues the job.
    """
    return chain(_around_enqueue, put) if _around_enqueue else put


def chain(middleware: Sequence[Middleware[A, R]], call: CallNext[A, R]) -> CallNext[A, R]:
    """Return a call with middleware around it, for one use.

    Args:
        middleware: the functions around it; the first is the outermost.
        call: the call itself.
    """
    for each in reversed(middleware):
        call = _Around(each, call)
    return call


class _Around(Generic[A, R]):
    """A call with one middleware around it.

    Args:
        middleware: the middleware.
        call: what its ``call_next`` calls.
    """

    __slots__ = ("_call", "_is_called", "_middleware")

    def __init__(self, middleware: Middleware[A, R], call: CallNext[A, R]) -> None:
        self._middleware = middleware
        self._call = call
        self._is_called = False

    def __call__(self, subject: A) -> Awaitable[R]:
        return self._middleware(subject, self._next)

    def _next(self, subject: A) -> Awaitable[R]:
        if self._is_called:
            raise JobError(f"the middleware {name_of(self._middleware)} calls call_next twice")
        self._is_called = True
        return self._call(subject)
