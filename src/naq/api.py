"""Shortcuts: functions for the common operations."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from naq.config import Config
from naq.models.job import Job
from naq.models.schedule import MissedRuns
from naq.names import DEFAULT_QUEUE
from naq.queue.core import Queue
from naq.results import Results

Function = Callable[..., Any] | str | Job


async def enqueue(
    function: Function,
    *args: Any,
    queue: str = DEFAULT_QUEUE,
    config: Config | str | None = None,
    again: bool = False,
    **kwargs: Any,
) -> Job:
    """Put a job into a queue; see :meth:`naq.Queue.enqueue`.

    Args:
        function: the function to call, its name as ``package.module:function``, or a job.
        args: the call's positional arguments.
        queue: the queue's name.
        config: a configuration, a URL, or None for the process's configuration.
        again: run it again although a job of this id ended within the last two minutes.
        kwargs: the call's keyword arguments, and settings of the job such as ``retries``.
    """
    return await Queue(queue, config).enqueue(function, *args, again=again, **kwargs)


async def enqueue_many(jobs: Iterable[Job], *, config: Config | str | None = None) -> int:
    """Put many jobs into the queues that they name; see :meth:`naq.Queue.enqueue_many`.

    Args:
        jobs: the jobs.
        config: a configuration, a URL, or None for the process's configuration.
    """
    return await Queue(config=config).enqueue_many(jobs)


async def enqueue_at(
    when: datetime,
    function: Function,
    *args: Any,
    queue: str = DEFAULT_QUEUE,
    config: Config | str | None = None,
    **kwargs: Any,
) -> Job:
    """Schedule a job for a time; see :meth:`naq.Queue.enqueue_at`.

    Args:
        when: the time; one without a zone is UTC.
        function: the function, its name, or a job.
        args: the call's positional arguments.
        queue: the queue's name.
        config: a configuration, a URL, or None for the process's configuration.
        kwargs: the call's keyword arguments, and settings of the job.
    """
    return await Queue(queue, config).enqueue_at(when, function, *args, **kwargs)


async def enqueue_in(
    delay: float | timedelta,
    function: Function,
    *args: Any,
    queue: str = DEFAULT_QUEUE,
    config: Config | str | None = None,
    **kwargs: Any,
) -> Job:
    """Schedule a job after a delay; see :meth:`naq.Queue.enqueue_in`.

    Args:
        delay: seconds, or a timedelta.
        function: the function, its name, or a job.
        args: the call's positional arguments.
        queue: the queue's name.
        config: a configuration, a URL, or None for the process's configuration.
        kwargs: the call's keyword arguments, and settings of the job.
    """
    return await Queue(queue, config).enqueue_in(delay, function, *args, **kwargs)


async def schedule(
    function: Function,
    *args: Any,
    queue: str = DEFAULT_QUEUE,
    config: Config | str | None = None,
    cron: str | None = None,
    interval: float | timedelta | None = None,
    repeat: int | None = None,
    run_at: datetime | None = None,
    timezone: str = "UTC",
    missed_runs: MissedRuns = MissedRuns.ONCE,
    overlap: bool = True,
    owner: str = "",
    **kwargs: Any,
) -> Job:
    """Schedule a recurring job; see :meth:`naq.Queue.schedule`.

    Args:
        function: the function, its name, or a job.
        args: the call's positional arguments.
        queue: the queue's name.
        config: a configuration, a URL, or None for the process's configuration.
        cron: a cron expression of five fields, or six with seconds first.
        interval: seconds between two runs, or a timedelta; give it or ``cron``.
        repeat: how many runs; None is for ever.
        run_at: the first run.
        timezone: the IANA name of the zone in which ``cron`` is meant.
        missed_runs: what happens to runs missed while no scheduler was up.
        overlap: enqueue a run while the one before is still queued or runs.
        owner: the part of the code that defines it, for ``prune_schedules``.
        kwargs: the call's keyword arguments, and settings of the job.
    """
    return await Queue(queue, config).schedule(
        function,
        *args,
        cron=cron,
        interval=interval,
        repeat=repeat,
        run_at=run_at,
        timezone=timezone,
        missed_runs=missed_runs,
        overlap=overlap,
        owner=owner,
        **kwargs,
    )


async def purge_queue(queue: str = DEFAULT_QUEUE, *, config: Config | str | None = None) -> int:
    """Remove every job from a queue; see :meth:`naq.Queue.purge`.

    Args:
        queue: the queue's name.
        config: a configuration, a URL, or None for the process's configuration.
    """
    return await Queue(queue, config).purge()


async def fetch_job_result(
    job: Job | str,
    *,
    timeout: float | None = None,
    unpickle: bool = False,
    config: Config | str | None = None,
) -> Any:
    """Wait for the result of a job; see :meth:`naq.Results.fetch_job_result`.

    Args:
        job: the job, or its id.
        timeout: seconds to wait; None waits for ever, 0 does not wait.
        unpickle: read a result of any kind, which may run code; otherwise one of plain types.
        config: a configuration, a URL, or None for the process's configuration.
    """
    job_id = job.job_id if isinstance(job, Job) else job
    return await Results(config, unpickle=unpickle).fetch_job_result(job_id, timeout=timeout)
