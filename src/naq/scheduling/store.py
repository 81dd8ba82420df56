"""Scheduled and recurring jobs: stores them in the bucket ``scheduled_jobs``.

The scheduler (:mod:`naq.scheduling.scheduler`) takes them out when they are due.
"""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from naq import buckets
from naq.buckets import entries, in_bucket, readable
from naq.config import Config, as_config
from naq.exceptions import ScheduleError, SerializationError
from naq.jobs.patience import with_retries
from naq.jobs.publish import check_size, enqueue_job
from naq.models.job import Job
from naq.models.schedule import MissedRuns, Schedule, ScheduleStatus
from naq.models.status import Enqueued
from naq.scheduling.clock import ServerClock
from naq.scheduling.recurrence import first_run, id_of_run

logger = logging.getLogger("naq.scheduling")


def span(seconds: float | timedelta) -> timedelta:
    """Return a time in seconds as a timedelta.

    Raises:
        ScheduleError: it is no number, or so long that no calendar has its end.
    """
    if isinstance(seconds, timedelta):
        return seconds
    try:
        wait = timedelta(seconds=seconds)
        datetime.now(UTC) + wait
    except (ValueError, OverflowError):
        raise ScheduleError(f"{seconds!r} seconds make no sense") from None
    except TypeError:
        raise ScheduleError(
            f"a delay or an interval must be a number of seconds or a timedelta, not {seconds!r}"
        ) from None
    return wait


async def time_of_server(config: Config) -> datetime:
    """Return the time by the server's clock, through an election or an outage.

    Raises:
        NaqConnectionError: there is no connection, or the server did not answer in time.
    """

    async def ask(conn: Client, _js: JetStreamContext, _wait: float) -> datetime:
        await buckets.ensure_buckets(config, (config.names.scheduled_jobs,))
        clock = ServerClock(config.names.scheduled_jobs)
        await clock.set(conn)
        return clock.now()

    return await with_retries(config, "ask for the server's time", ask)


def schedule_for(
    job: Job,
    now: datetime,
    *,
    run_at: datetime | None = None,
    cron: str | None = None,
    interval: float | timedelta | None = None,
    repeat: int | None = None,
    timezone: str = "UTC",
    missed_runs: MissedRuns = MissedRuns.ONCE,
    overlap: bool = True,
    owner: str = "",
) -> Schedule:
    """Return the schedule of a job.

    Args:
        job: the job.
        now: the time, by the server's clock.
        run_at: the first run; a time without a zone is UTC.
        cron: a cron expression.
        interval: seconds between two runs; the first is one interval from now.
        repeat: how many runs; None is for ever.
        timezone: the IANA name of the zone of ``cron``.
        missed_runs: what happens to runs missed while no scheduler was up.
        overlap: whether a run is enqueued while the one before is still queued or runs.
        owner: the part of the code that defines it.

    Raises:
        ScheduleError: a value is out of range, or the expression or the zone can't be read.
        SerializationError: the job's serializer cannot write the call.
    """
    if interval is not None:
        interval = span(interval).total_seconds()
    asked = Schedule(
        job_id=job.job_id,
        run_at=run_at,
        cron=cron,
        interval=interval,
        repeat=repeat,
        timezone=timezone,
        queue=job.queue,
        payload=job.serialize(),
        missed_runs=missed_runs,
        overlap=overlap,
        owner=owner,
    )
    first = asked.run_at.isoformat() if asked.run_at else None
    definition = json.dumps([cron, interval, repeat, timezone, first])
    if asked.run_at is None and interval is not None:
        asked = asked.at(now + timedelta(seconds=interval))
    first_run(asked.at(None), now)  # raises now what the scheduler could not read
    return dataclasses.replace(asked, definition=definition)


async def store_schedule(schedule: Schedule, config: Config | str | None = None) -> None:
    """Store the schedule of a job.

    One that is stored already, with the same definition, keeps its next run, its pause and the
    number of runs that are left.

    Raises:
        JobError: the job is larger than the server takes.
        NaqConnectionError: there is no connection, or the server did not answer in time.
    """
    settings = as_config(config)

    async def put(conn: Client, _js: JetStreamContext, _wait: float) -> None:
        stored = len(schedule.serialize())
        check_size(conn, schedule.job_id, len(schedule.payload), stored=stored)
        await in_bucket(settings.names.scheduled_jobs, settings, lambda kv: _put(kv, schedule))

    await with_retries(settings, f"store the schedule of job {schedule.job_id}", put)


async def _put(kv: KeyValue, schedule: Schedule) -> None:
    while True:
        try:
            entry = await kv.get(schedule.job_id)
            stored = Schedule.deserialize(entry.value)
        except KeyNotFoundError:
            with suppress(KeyWrongLastSequenceError):  # somebody else was faster: look at theirs
                await kv.create(schedule.job_id, schedule.serialize())
                return
            continue
        except SerializationError:
            stored = schedule  # nobody could read it
        merged = stored.defined_again_by(schedule)
        if merged == stored and stored is not schedule:
            return
        with suppress(KeyWrongLastSequenceError):  # the scheduler has written the next run
            await kv.update(schedule.job_id, merged.serialize(), last=entry.revision)
            return


def function_of(schedule: Schedule) -> str:
    """Return the name of the function that a schedule runs; "" if it cannot be read."""
    try:
        return Job.deserialize(schedule.payload).function_name
    except SerializationError:
        return ""


def _log_unreadable(job_id: str, error: SerializationError) -> None:
    logger.error("the schedule of job %s cannot be read: %s", job_id, error)


async def list_schedules(
    config: Config | str | None = None,
    *,
    unreadable: Callable[[str, SerializationError], None] = _log_unreadable,
) -> list[Schedule]:
    """Return every schedule that can be read, the next due first.

    Args:
        config: a configuration, a URL, or None for the process's configuration.
        unreadable: called with the job's id and the error for each that cannot; by default it
            is logged.
    """
    settings = as_config(config)
    stored = await in_bucket(settings.names.scheduled_jobs, settings, entries)
    schedules = readable(stored, Schedule.deserialize, unreadable)
    last = datetime.max.replace(tzinfo=UTC)
    return sorted(schedules, key=lambda schedule: (schedule.run_at or last, schedule.job_id))


async def prune_schedules(
    keep: Iterable[Job | str], *, owner: str = "", config: Config | str | None = None
) -> list[str]:
    """Remove the recurring schedules of an owner that its code no longer defines.

    Args:
        keep: the jobs, or their ids, that the code defines.
        owner: the ``owner`` that the schedules were stored with.
        config: a configuration, a URL, or None for the process's configuration.

    Returns:
        The ids of the jobs whose schedules are removed.

    Raises:
        NaqConnectionError: there is no connection.
    """
    kept = {job.job_id if isinstance(job, Job) else job for job in keep}
    gone = [
        schedule.job_id
        for schedule in await list_schedules(config)
        if schedule.is_recurring and schedule.owner == owner and schedule.job_id not in kept
    ]
    return [job_id for job_id in sorted(gone) if await cancel_scheduled_job(job_id, config)]


async def cancel_scheduled_job(job_id: str, config: Config | str | None = None) -> bool:
    """Remove a scheduled job; return whether there was one.

    Args:
        job_id: the job's id.
        config: a configuration, a URL, or None for the process's configuration.
    """

    async def remove(kv: KeyValue) -> bool:
        try:
            await kv.get(job_id)
        except KeyNotFoundError:
            return False
        await kv.delete(job_id)
        return True

    settings = as_config(config)
    return await in_bucket(settings.names.scheduled_jobs, settings, remove)


async def run_scheduled_job(job_id: str, config: Config | str | None = None) -> str:
    """Enqueue a scheduled job now, and return the id of the job that runs.

    One that runs once is no longer scheduled. Of a recurring one this is a run more: its times stay
    as they are, and a paused one stays paused. A schedule that does
    not overlap itself is refused it while a run is not over.

    Args:
        job_id: the job's id.
        config: a configuration, a URL, or None for the process's configuration.

    Raises:
        ScheduleError: there is no such scheduled job, or a run of it is not over.
        NaqConnectionError: there is no connection.
    """
    settings = as_config(config)

    async def run(kv: KeyValue) -> str:
        try:
            entry = await kv.get(job_id)
        except KeyNotFoundError:
            raise ScheduleError(f"there is no scheduled job {job_id!r}") from None
        schedule = Schedule.deserialize(entry.value)
        job = Job.deserialize(schedule.payload)
        now = datetime.now(UTC)
        if schedule.is_recurring:
            job = job.under_id(id_of_run(schedule, now), now.timestamp())
        enqueued = await enqueue_job(job, settings, again=not schedule.overlap)
        if not schedule.overlap and enqueued is not Enqueued.NEW:
            raise ScheduleError(f"the scheduled job {job_id!r} has a run that is not over")
        if not schedule.is_recurring:
            with suppress(KeyWrongLastSequenceError):  # somebody else has scheduled it again
                await kv.delete(job_id, last=entry.revision)
        return job.job_id

    return await in_bucket(settings.names.scheduled_jobs, settings, run)


async def pause_scheduled_job(job_id: str, config: Config | str | None = None) -> Schedule:
    """Let a scheduled job stay stored, and not run, until it is resumed.

    Args:
        job_id: the job's id.
        config: a configuration, a URL, or None for the process's configuration.

    Raises:
        ScheduleError: there is no such scheduled job.
    """
    return await _change(job_id, config, status=ScheduleStatus.PAUSED)


async def resume_scheduled_job(job_id: str, config: Config | str | None = None) -> Schedule:
    """Let a paused job run again.

    Args:
        job_id: the job's id.
        config: a configuration, a URL, or None for the process's configuration.

    Raises:
        ScheduleError: there is no such scheduled job.
    """
    return await _change(job_id, config, status=ScheduleStatus.ACTIVE)


async def modify_scheduled_job(
    job_id: str, config: Config | str | None = None, **changes: Any
) -> Schedule:
    """Change when a scheduled job runs.

    Args:
        job_id: the job's id.
        config: a configuration, a URL, or None for the process's configuration.
        changes: new values of ``run_at``, ``cron``, ``interval``, ``repeat``, ``timezone`` or
            ``missed_runs``. A new ``cron`` takes the place of an interval, and the other way round.

    Raises:
        ScheduleError: there is no such scheduled job, or a value makes no sense.
    """
    known = {"run_at", "cron", "interval", "repeat", "timezone", "missed_runs"}
    if unknown := changes.keys() - known:
        raise ScheduleError(
            f"schedule {job_id!r}: cannot change {', '.join(sorted(unknown))} "
            f"(only {', '.join(sorted(known))})"
        )
    if changes.get("interval") is not None:
        changes["interval"] = span(changes["interval"]).total_seconds()
    if changes.get("cron") is not None:
        # The scheduler works out the next run by the new expression.
        changes = {"interval": None, "run_at": None} | changes
    elif changes.get("interval") is not None:
        start = datetime.now(UTC) + timedelta(seconds=changes["interval"])
        changes = {"cron": None, "run_at": start} | changes
    return await _change(job_id, config, **changes)


async def _change(job_id: str, config: Config | str | None, **changes: Any) -> Schedule:
    async def change(kv: KeyValue) -> Schedule:
        while True:
            try:
                entry = await kv.get(job_id)
            except KeyNotFoundError:
                raise ScheduleError(f"there is no scheduled job {job_id!r}") from None
            stored = Schedule.deserialize(entry.value)
            if stored.status is ScheduleStatus.ENDED:
                raise ScheduleError(f"all runs of the scheduled job {job_id!r} are made")
            schedule = dataclasses.replace(stored, **changes)
            first_run(schedule.at(None), datetime.now(UTC))
            try:
                # The scheduler may have written the next run meanwhile: then once more.
                await kv.update(job_id, schedule.serialize(), last=entry.revision)
            except KeyWrongLastSequenceError:
                continue
            return schedule

    settings = as_config(config)
    return await in_bucket(settings.names.scheduled_jobs, settings, change)
