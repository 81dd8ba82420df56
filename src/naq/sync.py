"""naq without ``await``: every coroutine of the public interface as a plain function.

The calls run on one event loop in a thread of naq's own, which keeps its connections between them.
They may come from any thread: those of a loop's thread pool included, but not from the loop's own
thread, which would stand still meanwhile.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import Any, ParamSpec, TypeVar

from naq import api, connection, progress
from naq.events import EventManager as _EventManager
from naq.exceptions import NaqError
from naq.failed import FailedJobs as _FailedJobs
from naq.queue import control as _control
from naq.queue import core as _core
from naq.results import Results as _Results
from naq.scheduling import store as _store
from naq.scheduling.scheduler import Scheduler as _Scheduler
from naq.worker.status import WorkerStatusManager as _WorkerStatusManager

P = ParamSpec("P")
T = TypeVar("T")


class _Loop:
    """An event loop in a daemon thread."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="naq-sync", daemon=True)
        self.thread.start()

    def run(self, awaitable: Awaitable[T]) -> T:
        async def wait() -> T:
            return await awaitable

        future = asyncio.run_coroutine_threadsafe(wait(), self.loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        self.run(connection.close_all_connections())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


_lock = threading.Lock()
_current: _Loop | None = None


def _loop() -> _Loop:
    global _current
    with _lock:
        # A forked child has the object, but not the thread.
        if _current is None or _current.pid != os.getpid():
            _current = _Loop()
        return _current


def run(awaitable: Awaitable[T]) -> T:
    """Run anything awaitable on naq's own loop and return what comes of it.

    Raises:
        NaqError: it was called in an event loop's thread, which must not stand still.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _loop().run(awaitable)
    if asyncio.iscoroutine(awaitable):
        awaitable.close()
    raise NaqError("naq.sync was called inside a running event loop: use the coroutine with await")


def close() -> None:
    """Close naq's own loop and its connections. The next call opens them anew."""
    global _current
    with _lock:
        loop, _current = _current, None
    if loop is not None and loop.pid == os.getpid():
        loop.close()


def _plain(function: Callable[P, Awaitable[T]]) -> Callable[P, T]:
    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        return run(function(*args, **kwargs))

    return call


def _plain_generator(function: Callable[P, AsyncGenerator[T]]) -> Callable[P, Generator[T]]:
    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> Generator[T]:
        values = function(*args, **kwargs)
        try:
            while True:
                try:
                    value = run(anext(values))
                except StopAsyncIteration:
                    return
                yield value
        finally:
            run(values.aclose())

    return call


class _Plain:
    """An object of naq's whose coroutine methods are plain ones."""

    _kind: Callable[..., Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._inner = self._kind(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if inspect.isasyncgenfunction(found):
            return _plain_generator(found)
        return _plain(found) if inspect.iscoroutinefunction(found) else found


class Queue(_Plain):
    """:class:`naq.Queue` without ``await``."""

    _kind = _core.Queue


class Results(_Plain):
    """:class:`naq.Results` without ``await``."""

    _kind = _Results


class Scheduler(_Plain):
    """:class:`naq.Scheduler` without ``await``."""

    _kind = _Scheduler


class FailedJobs(_Plain):
    """:class:`naq.FailedJobs` without ``await``."""

    _kind = _FailedJobs


class WorkerStatusManager(_Plain):
    """:class:`naq.WorkerStatusManager` without ``await``."""

    _kind = _WorkerStatusManager


class EventManager(_Plain):
    """:class:`naq.EventManager` without ``await``; ``watch`` is a plain generator."""

    _kind = _EventManager


enqueue = _plain(api.enqueue)
enqueue_many = _plain(api.enqueue_many)
enqueue_at = _plain(api.enqueue_at)
enqueue_in = _plain(api.enqueue_in)
schedule = _plain(api.schedule)
purge_queue = _plain(api.purge_queue)
fetch_job_result = _plain(api.fetch_job_result)
queue_sizes = _plain(_core.queue_sizes)
get_job = _plain(_control.get_job)
cancel_job = _plain(_control.cancel_job)
list_schedules = _plain(_store.list_schedules)
cancel_scheduled_job = _plain(_store.cancel_scheduled_job)
pause_scheduled_job = _plain(_store.pause_scheduled_job)
resume_scheduled_job = _plain(_store.resume_scheduled_job)
prune_schedules = _plain(_store.prune_schedules)
modify_scheduled_job = _plain(_store.modify_scheduled_job)
get_progress = _plain(progress.get_progress)
watch_progress = _plain_generator(progress.watch_progress)
test_nats_connection = _plain(connection.test_nats_connection)
test_jetstream_connection = _plain(connection.test_jetstream_connection)
wait_for_nats_connection = _plain(connection.wait_for_nats_connection)
measure_connection_performance = _plain(connection.measure_connection_performance)
reset_connection_metrics = _plain(connection.reset_connection_metrics)
