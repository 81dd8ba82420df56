"""naq without ``await``: every coroutine of the public interface as a plain function.

The calls run on one event loop in a thread of naq's own, which keeps its connections between them.
They may come from any thread: those of a loop's thread pool included, but not from the loop's own
thread, which would stand still meanwhile.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

from naq import api, connection, inspection, progress
from naq.config import Config
from naq.events import EventManager as _EventManager
from naq.failed import FailedJobs as _FailedJobs
from naq.names import DEFAULT_QUEUE
from naq.queue import control as _control
from naq.queue import core as _core
from naq.queue import overview as _overview
from naq.queue import pausing as _pausing
from naq.queue import sizes as _sizes
from naq.results import Results as _Results
from naq.scheduling import store as _store
from naq.scheduling.scheduler import Scheduler as _Scheduler
from naq.serializers import CLOUDPICKLE, Serializer
from naq.sync.loop import close as close
from naq.sync.loop import current_loop
from naq.sync.loop import run as run
from naq.sync.tasks import Group as Group
from naq.sync.tasks import JobHandle as JobHandle
from naq.sync.tasks import Task as Task
from naq.sync.tasks import gather as gather
from naq.sync.tasks import task as task
from naq.worker.status import WorkerStatusManager as _WorkerStatusManager

P = ParamSpec("P")
T = TypeVar("T")
K = TypeVar("K")


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


class _Plain(Generic[K]):
    """An object of naq's whose coroutine methods are plain ones.

    Args:
        inner: the object.
    """

    def __init__(self, inner: K) -> None:
        self._inner = inner

    @property
    def config(self) -> Config:
        """The configuration."""
        config: Config = self._inner.config  # type: ignore[attr-defined] # every one has it
        return config

    def __repr__(self) -> str:
        return repr(self._inner)


class _Method(Generic[K, P, T]):
    """A coroutine method as a plain one, with the same arguments."""

    def __init__(self, function: Callable[Concatenate[K, P], Awaitable[T]]) -> None:
        self._function = function
        self.__doc__ = function.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...

    @overload
    def __get__(self, instance: _Plain[Any], owner: type) -> Callable[P, T]: ...

    def __get__(self, instance: _Plain[Any] | None, owner: type) -> Self | Callable[P, T]:
        if instance is None:
            return self
        return _plain(functools.partial(self._function, instance._inner))


class _GeneratorMethod(Generic[K, P, T]):
    """A method that is an async generator as a plain generator, with the same arguments."""

    def __init__(self, function: Callable[Concatenate[K, P], AsyncGenerator[T]]) -> None:
        self._function = function
        self.__doc__ = function.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...

    @overload
    def __get__(self, instance: _Plain[Any], owner: type) -> Callable[P, Generator[T]]: ...

    def __get__(
        self, instance: _Plain[Any] | None, owner: type
    ) -> Self | Callable[P, Generator[T]]:
        if instance is None:
            return self
        return _plain_generator(functools.partial(self._function, instance._inner))


class Queue(_Plain[_core.Queue]):
    """:class:`naq.Queue` without ``await``."""

    def __init__(self, name: str = DEFAULT_QUEUE, config: Config | str | None = None) -> None:
        super().__init__(_core.Queue(name, config))

    @property
    def name(self) -> str:
        """The queue's name."""
        return self._inner.name

    dequeue = _Method(_core.Queue.dequeue)
    enqueue = _Method(_core.Queue.enqueue)
    enqueue_at = _Method(_core.Queue.enqueue_at)
    enqueue_in = _Method(_core.Queue.enqueue_in)
    enqueue_many = _Method(_core.Queue.enqueue_many)
    purge = _Method(_core.Queue.purge)
    schedule = _Method(_core.Queue.schedule)
    size = _Method(_core.Queue.size)
    waiting_jobs = _Method(_core.Queue.waiting_jobs)


class Results(_Plain[_Results]):
    """:class:`naq.Results` without ``await``."""

    def __init__(
        self,
        config: Config | str | None = None,
        *,
        serializer: Serializer | str = CLOUDPICKLE,
        unpickle: bool = False,
    ) -> None:
        super().__init__(_Results(config, serializer=serializer, unpickle=unpickle))

    cleanup_old_results = _Method(_Results.cleanup_old_results)
    delete_result = _Method(_Results.delete_result)
    fetch_job_result = _Method(_Results.fetch_job_result)
    fetch_stored = _Method(_Results.fetch_stored)
    get_result = _Method(_Results.get_result)
    list_results = _Method(_Results.list_results)
    purge_results = _Method(_Results.purge_results)
    store_failure = _Method(_Results.store_failure)
    store_result = _Method(_Results.store_result)


class Scheduler(_Plain[_Scheduler]):
    """:class:`naq.Scheduler` without ``await``."""

    def __init__(self, config: Config | str | None = None) -> None:
        super().__init__(_Scheduler(config))

    @property
    def is_leader(self) -> bool:
        """Whether this is the scheduler that triggers."""
        return self._inner.is_leader

    def stop(self) -> None:
        """Ask ``run`` to end after the current run."""
        current_loop().loop.call_soon_threadsafe(self._inner.stop)

    get_scheduled_jobs = _Method(_Scheduler.get_scheduled_jobs)
    remove_scheduled_job = _Method(_Scheduler.remove_scheduled_job)
    run = _Method(_Scheduler.run)
    store_scheduled_job = _Method(_Scheduler.store_scheduled_job)


class FailedJobs(_Plain[_FailedJobs]):
    """:class:`naq.FailedJobs` without ``await``."""

    def __init__(self, config: Config | str | None = None) -> None:
        super().__init__(_FailedJobs(config))

    count = _Method(_FailedJobs.count)
    delete = _Method(_FailedJobs.delete)
    get = _Method(_FailedJobs.get)
    list = _Method(_FailedJobs.list)
    purge = _Method(_FailedJobs.purge)
    requeue = _Method(_FailedJobs.requeue)
    requeue_all = _Method(_FailedJobs.requeue_all)


class WorkerStatusManager(_Plain[_WorkerStatusManager]):
    """:class:`naq.WorkerStatusManager` without ``await``."""

    def __init__(self, config: Config | str | None = None) -> None:
        super().__init__(_WorkerStatusManager(config))

    batch_update_status = _Method(_WorkerStatusManager.batch_update_status)
    get_all_workers_status = _Method(_WorkerStatusManager.get_all_workers_status)
    get_worker_status = _Method(_WorkerStatusManager.get_worker_status)
    list_workers = _Method(_WorkerStatusManager.list_workers)
    remove_worker = _Method(_WorkerStatusManager.remove_worker)
    update_worker_details = _Method(_WorkerStatusManager.update_worker_details)
    update_worker_status = _Method(_WorkerStatusManager.update_worker_status)


class EventManager(_Plain[_EventManager]):
    """:class:`naq.EventManager` without ``await``; ``watch`` is a plain generator."""

    def __init__(self, config: Config | str | None = None) -> None:
        super().__init__(_EventManager(config))

    history = _Method(_EventManager.history)
    publish_event = _Method(_EventManager.publish_event)
    publish_system_event = _Method(_EventManager.publish_system_event)
    stats = _Method(_EventManager.stats)
    watch = _GeneratorMethod(_EventManager.watch)


enqueue = _plain(api.enqueue)
enqueue_many = _plain(api.enqueue_many)
enqueue_at = _plain(api.enqueue_at)
enqueue_in = _plain(api.enqueue_in)
schedule = _plain(api.schedule)
purge_queue = _plain(api.purge_queue)
fetch_job_result = _plain(api.fetch_job_result)
queue_sizes = _plain(_sizes.queue_sizes)
list_queues = _plain(_overview.list_queues)
pause_queue = _plain(_pausing.pause_queue)
resume_queue = _plain(_pausing.resume_queue)
list_jobs = _plain(inspection.list_jobs)
job_details = _plain(inspection.job_details)
get_job = _plain(_control.get_job)
cancel_job = _plain(_control.cancel_job)
list_schedules = _plain(_store.list_schedules)
cancel_scheduled_job = _plain(_store.cancel_scheduled_job)
pause_scheduled_job = _plain(_store.pause_scheduled_job)
resume_scheduled_job = _plain(_store.resume_scheduled_job)
run_scheduled_job = _plain(_store.run_scheduled_job)
prune_schedules = _plain(_store.prune_schedules)
modify_scheduled_job = _plain(_store.modify_scheduled_job)
get_progress = _plain(progress.get_progress)
watch_progress = _plain_generator(progress.watch_progress)
test_nats_connection = _plain(connection.test_nats_connection)
test_jetstream_connection = _plain(connection.test_jetstream_connection)
wait_for_nats_connection = _plain(connection.wait_for_nats_connection)
measure_connection_performance = _plain(connection.measure_connection_performance)
reset_connection_metrics = _plain(connection.reset_connection_metrics)
