"""Queues: the entry of jobs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import nats.errors
from nats.js.errors import NotFoundError

from naq.config import Config, as_config
from naq.connection import nats_jetstream
from naq.connection.nats_py.jetstream import purge_subject
from naq.exceptions import ScheduleError
from naq.jobs.publish import enqueue_job, publish_jobs
from naq.middleware import around_enqueue
from naq.models.checks import check_queue_name
from naq.models.job import Job
from naq.models.schedule import MissedRuns
from naq.models.status import Enqueued
from naq.names import DEFAULT_QUEUE, consumer_name
from naq.queue.call import make_job
from naq.queue.sizes import queue_size
from naq.queue.waiting import list_waiting, park
from naq.scheduling.store import schedule_for, span, store_schedule, time_of_server
from naq.streams import ACK_WAIT, ensure_consumer, ensure_stream, job_stream


class Queue:
    """A queue of jobs.

    Args:
        name: its name; any text.
        config: a configuration, a URL, or None for the process's configuration.

    Raises:
        JobError: the name is empty or too long.
    """

    def __init__(
        self,
        name: str = DEFAULT_QUEUE,
        config: Config | str | None = None,
    ) -> None:
        check_queue_name(name)
        self.name = name
        self.config = as_config(config)

    async def enqueue(
        self,
        /,
        function: Callable[..., Any] | str | Job,
        *args: Any,
        again: bool = False,
        **kwargs: Any,
    ) -> Job:
        """Put a job into the queue and return it once the server has stored it.

        A job that is in the queue under the same id, or went into it within the last two minutes,
        is the same job: it is enqueued once. ``job.enqueued`` is whether it is new, in the queue
        already, or done. The call waits out an election or an outage for ``enqueue_timeout``
        seconds; the id keeps a repeated publish from creating two jobs.

        Args:
            function: the function to call, its name as ``package.module:function``, or a
                :class:`Job`, which goes into the queue that it names.
            args: the call's positional arguments.
            again: run it again although a job of this id ended within the last two minutes. A job
                that is still in the queue stays the only one.
            kwargs: the call's keyword arguments. Those named as a setting of :class:`Job`
                (``job_id``, ``timeout``, ``retries`` and so on) are that setting; to pass such
                a one to the function, enqueue a :class:`Job`.

        Raises:
            JobError: a setting makes no sense or is misspelt, a name is both a setting and a
                parameter of the function, the job is too large, or the server refuses it.
            SerializationError: the call cannot be written.
            NaqConnectionError: there is no connection, or the server did not answer in time.
        """
        job = make_job(function, args, kwargs, self.name)
        if again:
            # A worker takes a job for done whose outcome is of the same moment.
            job = job.anew(time.time())

        async def put(job: Job) -> Job:
            if job.depends_on:
                await park(job, self.config)
            else:
                await enqueue_job(job, self.config, again=again)
            return job

        return await around_enqueue(put)(job)

    async def enqueue_many(self, jobs: Iterable[Job]) -> int:
        """Put many jobs into the queues that they name, many times as fast as one by one.

        Args:
            jobs: the jobs; a generator is taken as it comes, however long it is.

        Returns:
            How many of them are new; the others were in their queues already.

        Raises:
            JobError: a job is too large, was refused, or depends on others; the message names it,
                and how many were enqueued before it.
            SerializationError: a call cannot be written.
            NaqConnectionError: there is no connection, or the server did not answer in time.
        """
        return await publish_jobs(jobs, self.config)

    async def enqueue_at(
        self, when: datetime, function: Callable[..., Any] | str | Job, *args: Any, **kwargs: Any
    ) -> Job:
        """Schedule a job for a time; arguments as for :meth:`enqueue`. A scheduler enqueues it.

        Args:
            when: the time; one without a zone is UTC.
            function: the function, its name, or a job.
            args: the call's positional arguments.
            kwargs: the call's keyword arguments, and settings of the job.

        Raises:
            JobError: a setting makes no sense.
            ScheduleError: the time is no datetime.
            SerializationError: the call cannot be written.
            NaqConnectionError: there is no connection.
        """

        async def put(job: Job) -> Job:
            schedule = schedule_for(job, datetime.now(UTC), run_at=when)
            await store_schedule(schedule, self.config)
            job.enqueued = Enqueued.NEW
            return job

        return await around_enqueue(put)(make_job(function, args, kwargs, self.name))

    async def enqueue_in(
        self,
        delay: float | timedelta,
        function: Callable[..., Any] | str | Job,
        *args: Any,
        **kwargs: Any,
    ) -> Job:
        """Schedule a job after a delay; arguments as for :meth:`enqueue`. A scheduler enqueues it.

        Args:
            delay: seconds, or a timedelta.
            function: the function, its name, or a job.
            args: the call's positional arguments.
            kwargs: the call's keyword arguments, and settings of the job.

        Raises:
            ScheduleError: the delay makes no sense.
            JobError: a setting makes no sense.
            SerializationError: the call cannot be written.
            NaqConnectionError: there is no connection.
        """
        wait = span(delay)
        when = await time_of_server(self.config) + wait
        return await self.enqueue_at(when, function, *args, **kwargs)

    async def schedule(
        self,
        /,
        function: Callable[..., Any] | str | Job,
        *args: Any,
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
        """Schedule a recurring job. A scheduler enqueues each run.

        A program may store its schedules at each start. One that is stored already under the same
        ``job_id`` keeps its next run, its pause and the number of runs left, and takes the call
        and the settings of the job as they are now. If its times have changed, it starts again.

        Args:
            function: the function, its name, or a job.
            args: the call's positional arguments.
            cron: a cron expression of five fields, or six with seconds first.
            interval: seconds between two runs, or a timedelta; give it or ``cron``.
            repeat: how many runs; None is for ever.
            run_at: the first run; by default the first time of ``cron``, or one interval from now.
            timezone: the IANA name of the zone in which ``cron`` is meant.
            missed_runs: what happens to runs missed while no scheduler was up.
            overlap: enqueue a run while the one before is still queued or runs. Without that it
                is left out, and all runs have one id, the schedule's with ``.run`` behind it.
            owner: the part of the code that defines it, for ``prune_schedules``.
            kwargs: the call's keyword arguments, and settings of the job.

        Raises:
            ScheduleError: there is neither a cron nor an interval, or a value makes no sense.
            JobError: a setting of the job makes no sense.
            SerializationError: the call cannot be written.
            NaqConnectionError: there is no connection.
        """
        if cron is None and interval is None:
            raise ScheduleError("a schedule needs a cron expression or an interval")
        job = make_job(function, args, kwargs, self.name)
        if job.unique is not None:
            raise ScheduleError("each run of a schedule is a job of its own: use overlap=False")
        schedule = schedule_for(
            job,
            await time_of_server(self.config),
            run_at=run_at,
            cron=cron,
            interval=interval,
            repeat=repeat,
            timezone=timezone,
            missed_runs=missed_runs,
            overlap=overlap,
            owner=owner,
        )
        await store_schedule(schedule, self.config)
        job.enqueued = Enqueued.NEW
        return job

    async def dequeue(self, timeout: float = 1.0) -> Job | None:
        """Take the next job out of the queue; None when none comes in time.

        A worker does much more. The job is acknowledged at once: if the caller fails to run it,
        nobody else will.

        Args:
            timeout: seconds to wait.

        Raises:
            SerializationError: the message is no job.
            NaqConnectionError: there is no connection.
        """
        async with nats_jetstream(self.config) as (_, js):
            await ensure_stream(js, job_stream(self.config))
            consumer = await ensure_consumer(js, self.config.names, self.name, ACK_WAIT)
            subscription = await js.pull_subscribe_bind(consumer, self.config.names.job_stream)
            try:
                (msg,) = await subscription.fetch(1, timeout=timeout)
            except (nats.errors.TimeoutError, TimeoutError):
                return None
            finally:
                await subscription.unsubscribe()
            await msg.ack_sync(timeout=self.config.request_timeout)
            return Job.deserialize(msg.data)

    async def size(self) -> int:
        """Return how many jobs are in the queue, those that are running included."""
        return await queue_size(self.name, self.config)

    async def purge(self) -> int:
        """Remove every job from the queue and return how many there were.

        Jobs that a worker has in hand are finished by it. Scheduled and waiting jobs stay.
        """
        async with nats_jetstream(self.config) as (_, js):
            try:
                return await purge_subject(
                    js,
                    self.config.names.job_stream,
                    self.config.names.queue_subject(self.name),
                    self.config.request_timeout,
                )
            except NotFoundError:
                return 0

    async def waiting_jobs(self) -> list[Job]:
        """Return the jobs of this queue that wait for others, oldest first."""
        return await list_waiting(self.config, self.name)

    def __repr__(self) -> str:
        return f"Queue({self.name!r})"


async def has_had_a_worker(queue: str, config: Config | str | None = None) -> bool:
    """Return whether a worker has ever taken jobs from a queue.

    Args:
        queue: the queue's name.
        config: a configuration, a URL, or None for the process's configuration.

    Raises:
        NaqConnectionError: there is no connection.
    """
    settings = as_config(config)
    async with nats_jetstream(settings) as (_, js):
        try:
            await js.consumer_info(settings.names.job_stream, consumer_name(queue))
        except NotFoundError:
            return False
    return True
