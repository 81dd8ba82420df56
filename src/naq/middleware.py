"""Middleware: functions around a call, the first of a list outermost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from naq.exceptions import JobError
from naq.models.functions import name_of

A = TypeVar("A")
R = TypeVar("R")

CallNext = Callable[[A], Awaitable[R]]
Middleware = Callable[[A, CallNext[A, R]], Awaitable[R]]


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
