"""Several jobs at once: groups of handles, and waiting for all of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final, Generic, Literal, TypeVar, overload

from naq.config import Config, as_config
from naq.connection import nats_jetstream
from naq.exceptions import NaqError
from naq.handles import JobHandle
from naq.jobs.lookup import stored_outcomes

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
R = TypeVar("R", covariant=True)

_AT_ONCE: Final = 100
"""Results that are waited for at the same time: each has a subscription."""

_LOOKED_UP: Final = 500
"""Outcomes that are looked up in one request."""


class Group(Sequence[JobHandle[R]], Generic[R]):
    """The handles of jobs of one task, in the order in which they were given.

    A task's ``map`` and ``group`` return one; ``after`` takes it, and hands its results on as a list.

    Args:
        handles: the handles.
        config: a configuration, a URL, or None for the process's configuration.
    """

    def __init__(self, handles: Iterable[JobHandle[R]], config: Config | str | None = None) -> None:
        self.handles = tuple(handles)
        self.config = as_config(config)

    @overload
    def __getitem__(self, index: int) -> JobHandle[R]: ...

    @overload
    def __getitem__(self, index: slice) -> Group[R]: ...

    def __getitem__(self, index: int | slice) -> JobHandle[R] | Group[R]:
        if isinstance(index, slice):
            return Group(self.handles[index], self.config)
        return self.handles[index]

    def __len__(self) -> int:
        return len(self.handles)

    def __repr__(self) -> str:
        return f"Group of {len(self)} jobs"

    @overload
    async def results(self, *, timeout: float | None = None) -> list[R]: ...

    @overload
    async def results(
        self, *, timeout: float | None = None, return_exceptions: Literal[True]
    ) -> list[R | NaqError]: ...

    async def results(
        self, *, timeout: float | None = None, return_exceptions: bool = False
    ) -> list[Any]:
        """Wait for all results and return them in the order of the jobs; see :func:`naq.gather`."""
        found = await gather(*self.handles, timeout=timeout, return_exceptions=return_exceptions)
        return list(found)

    async def count_ended(self) -> int:
        """Return how many of the jobs have ended, well or not.

        Raises:
            NaqConnectionError: there is no connection.
        """
        ids = [handle.job_id for handle in self.handles]
        ended = 0
        async with nats_jetstream(self.config) as (conn, js):
            for start in range(0, len(ids), _LOOKED_UP):
                part = ids[start : start + _LOOKED_UP]
                ended += len(await stored_outcomes(conn, js, self.config.names, part))
        return ended

    async def cancel(self) -> int:
        """Cancel the jobs that have not ended, and return how many there were.

        Raises:
            NaqConnectionError: there is no connection.
        """
        limit = asyncio.Semaphore(_AT_ONCE)

        async def cancel(handle: JobHandle[R]) -> bool:
            async with limit:
                return await handle.cancel()

        return sum(await asyncio.gather(*map(cancel, self.handles)))


@overload
async def gather(first: JobHandle[A], /, *, timeout: float | None = None) -> tuple[A]: ...


@overload
async def gather(
    first: JobHandle[A], second: JobHandle[B], /, *, timeout: float | None = None
) -> tuple[A, B]: ...


@overload
async def gather(
    first: JobHandle[A],
    second: JobHandle[B],
    third: JobHandle[C],
    /,
    *,
    timeout: float | None = None,
) -> tuple[A, B, C]: ...


@overload
async def gather(
    first: JobHandle[A],
    second: JobHandle[B],
    third: JobHandle[C],
    fourth: JobHandle[D],
    /,
    *,
    timeout: float | None = None,
) -> tuple[A, B, C, D]: ...


@overload
async def gather(*handles: JobHandle[A], timeout: float | None = None) -> tuple[A, ...]: ...


@overload
async def gather(
    *handles: JobHandle[A], timeout: float | None = None, return_exceptions: bool
) -> tuple[A | NaqError, ...]: ...


async def gather(
    *handles: JobHandle[Any], timeout: float | None = None, return_exceptions: bool = False
) -> tuple[Any, ...]:
    """Wait for the results of several jobs and return them in the order of the handles.

    Args:
        handles: the handles.
        timeout: seconds to wait for all of them; None waits for ever, 0 does not wait.
        return_exceptions: return the exception of a job that has no result in its place. Otherwise
            the first one is raised, and the other jobs go on.

    Raises:
        ResultTimeoutError: not all results were there in time.
        JobFailedError: a job has failed; it carries the worker's traceback.
        JobCancelledError: a job was cancelled.
        SerializationError: a result does not fit the annotation of its task.
        NaqConnectionError: at the start; there is no connection.
    """
    limit = asyncio.Semaphore(_AT_ONCE)
    deadline = None if timeout is None else time.monotonic() + timeout

    async def fetch(handle: JobHandle[Any]) -> Any:
        async with limit:
            left = None if deadline is None else max(deadline - time.monotonic(), 0.0)
            return await handle.result(timeout=left)

    async def fetch_or_return(handle: JobHandle[Any]) -> Any:
        try:
            return await fetch(handle)
        except NaqError as error:
            return error

    one = fetch_or_return if return_exceptions else fetch
    tasks = [asyncio.ensure_future(one(handle)) for handle in handles]
    try:
        return tuple(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
