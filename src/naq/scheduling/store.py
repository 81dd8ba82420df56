"""Jobs for later, and again and again: putting them into the bucket ``scheduled_jobs``.

The scheduler (:mod:`naq.scheduling.scheduler`) takes them out when they are due.
"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from naq import buckets
from naq.buckets import entries, in_bucket
from naq.config import Config
from naq.exceptions import ScheduleError
from naq.models.job import Job
from naq.models.schedule import MissedRuns, Schedule, ScheduleStatus
from naq.scheduling.recurrence import first_run


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
    return wait


def schedule_for(
    job: Job,
    *,
    run_at: datetime | None = None,
    cron: str | None = None,
    interval: float | timedelta | None = None,
    repeat: int | None = None,
    timezone: str = "UTC",
    missed_runs: MissedRuns = MissedRuns.ONCE,
) -> Schedule:
    """Return the schedule of a job.

    Args:
        job: the job.
        run_at: the first run; a time without a zone is UTC.
        cron: a cron expression.
        interval: seconds between two runs; the first is one interval from now.
        repeat: how many runs; None is for ever.
        timezone: the IANA name of the zone of ``cron``.
        missed_runs: what becomes of runs that no scheduler was there for.

    Raises:
        ScheduleError: a value is out of range, or the expression or the zone can't be read.
        SerializationError: the job's serializer cannot write the call.
    """
    if interval is not None:
        interval = span(interval).total_seconds()
    if run_at is None and interval is not None and interval > 0:
        run_at = datetime.now(UTC) + timedelta(seconds=interval)
    schedule = Schedule(
        job_id=job.job_id,
        run_at=run_at,
        cron=cron,
        interval=interval,
        repeat=repeat,
        timezone=timezone,
        queue=job.queue,
        payload=job.serialize(),
        missed_runs=missed_runs,
    )
    first_run(schedule.at(None), datetime.now(UTC))  # says now what the scheduler can't read
    return schedule


async def store_schedule(schedule: Schedule, config: Config) -> None:
    """Store a schedule in place of an older one of the same job."""

    async def put(kv: KeyValue) -> None:
        await kv.put(schedule.job_id, schedule.serialize())

    await in_bucket(buckets.SCHEDULED_JOBS, config, put)


async def list_schedules(config: Config | str | None = None) -> list[Schedule]:
    """Return every schedule, the next due first.

    Args:
        config: a configuration, a URL, or None for the process's configuration.
    """
    stored = await in_bucket(buckets.SCHEDULED_JOBS, config, entries)
    schedules = [Schedule.deserialize(entry.value) for entry in stored.values()]
    last = datetime.max.replace(tzinfo=UTC)
    return sorted(schedules, key=lambda schedule: (schedule.run_at or last, schedule.job_id))


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

    return await in_bucket(buckets.SCHEDULED_JOBS, config, remove)


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
            schedule = dataclasses.replace(Schedule.deserialize(entry.value), **changes)
            first_run(schedule.at(None), datetime.now(UTC))
            try:
                # The scheduler may have written the next run meanwhile: then once more.
                await kv.update(job_id, schedule.serialize(), last=entry.revision)
            except KeyWrongLastSequenceError:
                continue
            return schedule

    return await in_bucket(buckets.SCHEDULED_JOBS, config, change)
