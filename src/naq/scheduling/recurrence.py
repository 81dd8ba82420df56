"""The times at which schedules run, and what is left of a schedule after them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from naq.exceptions import ScheduleError
from naq.models.schedule import MissedRuns, Schedule

BATCH: Final = 1000
"""How many due runs of one schedule are taken at a time."""


def run_id(schedule: Schedule, due: datetime) -> str:
    """Return the id of one run of a schedule, and of its job if the runs may overlap.

    A job that runs once keeps its id. Other ids end with the time in UTC, so each run has
    its own result and none runs twice.
    """
    if schedule.cron is None and schedule.interval is None:
        return schedule.job_id
    precise = "%Y%m%dT%H%M%S.%fZ" if due.microsecond else "%Y%m%dT%H%M%SZ"
    return f"{schedule.job_id}.{due.astimezone(UTC).strftime(precise)}"


def id_of_run(schedule: Schedule, due: datetime) -> str:
    """Return the id of a run's job: one for all runs of a schedule that does not overlap itself.

    The stream of jobs takes one job of an id.
    """
    if schedule.is_recurring and not schedule.overlap:
        return f"{schedule.job_id}.run"
    return run_id(schedule, due)


def first_run(schedule: Schedule, now: datetime) -> datetime | None:
    """Return a schedule's ``run_at``, due or not; without one, its first time after now.

    None is a schedule that never runs. `split_due` finds the runs that are due.

    Raises:
        ScheduleError: the cron expression or the zone can't be read.
    """
    return schedule.run_at or next(_after(schedule, now), None)


def split_due(
    schedule: Schedule, now: datetime, grace: timedelta
) -> tuple[list[datetime], Schedule | None]:
    """Return the runs of a schedule that are to be made now, and what is left of it then.

    A run that is late by more than the grace has been missed; the schedule's ``missed_runs``
    decides what happens to it.

    Args:
        schedule: a schedule with a ``run_at``.
        now: the time.
        grace: how late a run may be.

    Returns:
        The times of the runs, oldest first, and the schedule from now on; None when it has ended.

    Raises:
        ScheduleError: the cron expression or the zone can't be read.
    """
    assert schedule.run_at is not None
    runs: list[datetime] = []
    times: Iterator[datetime] = chain([schedule.run_at], _after(schedule, schedule.run_at))
    if schedule.run_at < now - grace and schedule.missed_runs is not MissedRuns.ALL:
        last = _last_before(schedule, schedule.run_at, now - grace)
        times = _after(schedule, last)
        if schedule.missed_runs is MissedRuns.ONCE:
            runs.append(last)
    most = min(BATCH, schedule.repeat or BATCH)
    for time in times:
        if time > now or len(runs) == most:
            break
        runs.append(time)
    else:
        return runs, None
    if schedule.repeat is None:
        return runs, dataclasses.replace(schedule, run_at=time)
    if schedule.repeat == len(runs):
        return runs, None
    return runs, dataclasses.replace(schedule, run_at=time, repeat=schedule.repeat - len(runs))


def _after(schedule: Schedule, time: datetime) -> Iterator[datetime]:
    """Yield the runs of a schedule after one of them."""
    if schedule.cron is not None:
        yield from _cron_times(schedule, time)
    elif schedule.interval is not None:
        while True:
            time += timedelta(seconds=schedule.interval)
            yield time


def _last_before(schedule: Schedule, first: datetime, limit: datetime) -> datetime:
    """Return the last run before a limit, in no more steps for a year than for a minute."""
    if schedule.cron is not None:
        return max(first, next(_cron_times(schedule, limit, reverse=True), first))
    if schedule.interval is not None:
        interval = timedelta(seconds=schedule.interval)
        return first + (-((first - limit) // interval) - 1) * interval
    return first


def _cron_times(
    schedule: Schedule, after: datetime, *, reverse: bool = False
) -> Iterator[datetime]:
    """Yield the times of a schedule's cron expression after (or before) a time, in UTC.

    Where clocks are put forward or back, they are what Debian's cron makes of it (cronsim): a
    time that the day does not have is made up for at once, one that it has twice counts once.
    """
    assert schedule.cron is not None
    try:
        zone = ZoneInfo(schedule.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ScheduleError(
            f"schedule {schedule.job_id!r}: there is no time zone {schedule.timezone!r}"
        ) from error
    try:
        times = CronSim(schedule.cron, after.astimezone(zone), reverse)
    except CronSimError as error:
        raise ScheduleError(
            f"schedule {schedule.job_id!r}: {schedule.cron!r} is no cron expression: {error}"
        ) from error
    return (time.astimezone(UTC) for time in times)
