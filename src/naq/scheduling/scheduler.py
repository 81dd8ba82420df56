"""The scheduler: jobs for later, and again and again, in the bucket ``scheduled_jobs``."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
import uuid
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

import nats.errors
from nats.js import JetStreamContext
from nats.js.errors import (
    APIError,
    BucketNotFoundError,
    KeyNotFoundError,
    KeyWrongLastSequenceError,
)
from nats.js.kv import KeyValue

from naq.buckets import ensure_buckets, entries, watching
from naq.config import Config, as_config
from naq.connection import nats_jetstream, nats_kv_store
from naq.connection.nats_py.bucket import Watch
from naq.exceptions import (
    JobError,
    NaqConnectionError,
    ScheduleError,
    SerializationError,
    describe_error,
)
from naq.jobs.lookup import stored_outcome
from naq.jobs.publish import publish_job
from naq.middleware import around_enqueue
from naq.models import Job, Schedule, ScheduleStatus
from naq.names import Names
from naq.scheduling.clock import ServerClock
from naq.scheduling.leadership import Leadership
from naq.scheduling.recurrence import first_run, id_of_run, run_id, split_due
from naq.streams import DUPLICATE_WINDOW

logger = logging.getLogger(__name__)

GROUP: Final = "scheduler"
REFRESH: Final = 30.0
"""Seconds after which the leader lists all schedules again, in case its watch missed one."""

_AT_ONCE: Final = 100
"""How many schedules are worked on at once."""

_REMEMBERED: Final = timedelta(seconds=DUPLICATE_WINDOW / 2)
"""The age up to which the server recognises a repeated run by its message id."""

_OUTDATED: Final = 10071
"""nats-server's error code for a revision that is not the last; `delete` raises no class of its own for it."""

_TROUBLE = (NaqConnectionError, nats.errors.Error, TimeoutError, OSError)


class Scheduler:
    """Stores, lists and removes the schedules of jobs; and, running, puts due jobs into queues.

    Of all schedulers that run on one set of servers, one leads and triggers; the others wait to
    take over.

    Args:
        config: a configuration, a URL, or None for the process's configuration.
    """

    def __init__(self, config: Config | str | None = None) -> None:
        self.config = as_config(config)
        self._bucket = self.config.names.scheduled_jobs
        self.scheduler_id = uuid.uuid4().hex
        self._leadership = Leadership(self.config, GROUP, self.scheduler_id)
        self._grace = timedelta(seconds=2 * self.config.leader_ttl + 5)
        self._stopping = asyncio.Event()
        self._clock = ServerClock(self._bucket)

    async def store_scheduled_job(self, job_id: str, schedule: Schedule) -> None:
        """Store the schedule of a job, in place of an older one."""
        async with nats_kv_store(self._bucket, self.config) as kv:
            await kv.put(job_id, schedule.serialize())

    async def get_scheduled_jobs(self) -> list[Schedule]:
        """Return every stored schedule, ordered by the job's id."""
        async with nats_kv_store(self._bucket, self.config) as kv:
            stored = await entries(kv)
            return [Schedule.deserialize(stored[job_id].value) for job_id in sorted(stored)]

    async def remove_scheduled_job(self, job_id: str) -> None:
        """Remove the schedule of a job; one that does not exist is no error."""
        async with nats_kv_store(self._bucket, self.config) as kv:
            await kv.delete(job_id)

    @property
    def is_leader(self) -> bool:
        """Whether this is the scheduler that triggers."""
        return self._leadership.leads

    def stop(self) -> None:
        """Ask ``run`` to end after the current run."""
        self._stopping.set()

    async def run(self) -> None:
        """Trigger what is due, whenever this scheduler leads, until ``stop``.

        Outages of the servers are waited out.

        Raises:
            NaqConnectionError: at the start; there is no connection.
        """
        await self._prepare()
        try:
            while not self._stopping.is_set():
                try:
                    if await self._leadership.campaign():
                        await self._lead()
                    if self._leadership.leads:
                        continue
                except BucketNotFoundError as error:
                    # The servers have lost their stores, or somebody has deleted it.
                    logger.warning("%s: creating it again", error.description)
                    with suppress(*_TROUBLE):
                        await self._prepare()
                except _TROUBLE as error:
                    logger.warning("the scheduler waits for the server: %s", describe_error(error))
                await self._wait(self._stopping, self._leadership.pause)
        finally:
            try:
                await self._leadership.resign()
            except _TROUBLE as error:
                logger.debug("the lead expires by itself: %s", error)

    async def _prepare(self) -> None:
        await self._leadership.prepare()
        await ensure_buckets(self.config, (self._bucket,))

    async def _lead(self) -> None:
        """Trigger what is due until the lead is lost, or the view of the schedules is old."""
        async with nats_jetstream(self.config) as (conn, js):
            outages = conn.stats["reconnects"]
            await self._clock.set(conn)
            kv = await js.key_value(self._bucket)
            async with watching(kv) as watch:
                view = _View()
                following = asyncio.create_task(view.follow(watch))
                try:
                    await self._wait(view.complete, self.config.request_timeout)
                    refresh = time.monotonic() + REFRESH
                    while time.monotonic() < refresh and not following.done():
                        # A watch sleeps on for 15 s after an outage: begin another.
                        if conn.stats["reconnects"] != outages:
                            return
                        if self._stopping.is_set() or not await self._leadership.campaign():
                            return
                        await self._trigger_until(self._leadership.pause, view, kv, js)
                finally:
                    following.cancel()

    async def _trigger_until(
        self, seconds: float, view: _View, kv: KeyValue, js: JetStreamContext
    ) -> None:
        """Trigger what is due, and what becomes due, for some seconds."""
        end = time.monotonic() + seconds
        while (rest := end - time.monotonic()) > 0 and not self._stopping.is_set():
            view.changed.clear()
            await self._trigger(view.take_due(self._clock.now()), kv, js)
            await self._wait(view.changed, min(rest, view.seconds_to_next(self._clock.now())))

    async def _wait(self, event: asyncio.Event, seconds: float) -> None:
        """Wait for an event, a time, or the order to stop."""
        waits = [asyncio.ensure_future(e.wait()) for e in {event, self._stopping}]
        try:
            await asyncio.wait(waits, timeout=max(seconds, 0), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _trigger(self, job_ids: list[str], kv: KeyValue, js: JetStreamContext) -> None:
        for start in range(0, len(job_ids), _AT_ONCE):
            batch = job_ids[start : start + _AT_ONCE]
            await asyncio.gather(*(self._trigger_one(job_id, kv, js) for job_id in batch))

    async def _trigger_one(self, job_id: str, kv: KeyValue, js: JetStreamContext) -> None:
        """Enqueue the due runs of one schedule, then store the rest of the schedule.

        A crash between the two makes no duplicate: the id of each run contains its time.
        """
        try:
            # As it is now: it may have changed since the watch reported it.
            entry = await kv.get(job_id)
        except KeyNotFoundError:
            return
        try:
            schedule = Schedule.deserialize(entry.value)
            left = await self._run_due(schedule, self._clock.now(), js)
        except (ScheduleError, SerializationError, JobError) as error:
            logger.error("the scheduled job %s can't be run: %s", job_id, error)
            return
        try:
            if left is None and schedule.is_recurring and schedule.definition:
                left = dataclasses.replace(schedule.at(None), status=ScheduleStatus.ENDED)
            if left is None:
                await kv.delete(job_id, last=entry.revision)
            elif left != schedule:
                await kv.update(job_id, left.serialize(), last=entry.revision)
        except APIError as error:
            if not isinstance(error, KeyWrongLastSequenceError) and error.err_code != _OUTDATED:
                raise
            # Somebody changed it meanwhile; the watch brings it again.
            logger.debug("the scheduled job %s has been changed: %s", job_id, error)

    async def _run_due(
        self, schedule: Schedule, now: datetime, js: JetStreamContext
    ) -> Schedule | None:
        """Decide whether a schedule is due, and publish its due runs.

        Returns:
            What is left of the schedule; None when it has ended.
        """
        if schedule.status is not ScheduleStatus.ACTIVE:
            return schedule
        run_at = first_run(schedule, now)
        if run_at is None:
            return schedule
        if schedule.run_at is None:
            schedule = schedule.at(run_at)
        if run_at > now:
            return schedule
        runs, left = split_due(schedule, now, self._grace)
        if runs:
            job = Job.deserialize(schedule.payload)
            for due in runs:
                if not self._leadership.leads:
                    return schedule
                run = _run_of(job, schedule, due)
                if now - due < _REMEMBERED or not await _has_ended(js, self.config.names, run):
                    await self._enqueue(run, js, schedule, run_id(schedule, due))
        return left

    async def _enqueue(
        self, run: Job, js: JetStreamContext, schedule: Schedule, message_id: str
    ) -> None:
        """Enqueue one run; a recurring one is a job of its own for the middleware.

        Raises:
            JobError: the job is refused, or the middleware raises.
        """
        refusal: Exception | None = None

        async def put(job: Job) -> Job:
            nonlocal refusal
            try:
                is_new = await publish_job(js, self.config, job, message_id)
            except Exception as error:
                refusal = error
                raise
            if not is_new and not schedule.overlap:
                logger.info("schedule %s: a run is left out, one is not over", schedule.job_id)
            return job

        try:
            await (around_enqueue(put) if schedule.is_recurring else put)(run)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise JobError("its middleware cancels itself") from error
        except Exception as error:
            if error is refusal or isinstance(error, JobError):
                raise
            raise JobError(f"its middleware raises {type(error).__name__}: {error}") from error


def _run_of(job: Job, schedule: Schedule, due: datetime) -> Job:
    """Return the job that one run of a schedule is: the same one, however often it is asked for."""
    repeated = schedule.cron is not None or schedule.interval is not None
    return job.under_id(id_of_run(schedule, due), due.timestamp() if repeated else job.created_at)


async def _has_ended(js: JetStreamContext, names: Names, job: Job) -> bool:
    """Whether the job was run already: its trigger went out, and could not be written down."""
    outcome = await stored_outcome(js, names, job.job_id)
    return outcome is not None and outcome.is_of(job)


class _View:
    """The leader's view of the schedules: the time at which each needs a check."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self.complete = asyncio.Event()
        self._due: dict[str, datetime] = {}

    async def follow(self, watch: Watch) -> None:
        """Keep up with a watch of the bucket."""
        async for entry in watch:
            if entry is None:
                self.complete.set()
            elif entry.operation is not None:
                self._due.pop(entry.key, None)
            else:
                self._note(entry)
            self.changed.set()

    def _note(self, entry: KeyValue.Entry) -> None:
        try:
            schedule = Schedule.deserialize(entry.value)
        except SerializationError as error:
            logger.error("the scheduled job %s can't be read: %s", entry.key, error)
            return
        self._due.pop(entry.key, None)
        if schedule.status is not ScheduleStatus.ACTIVE:
            return
        if schedule.run_at is not None:
            self._due[entry.key] = schedule.run_at
        elif schedule.cron is not None or schedule.interval is not None:
            self._due[entry.key] = datetime.min.replace(tzinfo=UTC)  # its first run is to be set

    def take_due(self, now: datetime) -> list[str]:
        """Return the ids of what is due, most overdue first, and forget them until they change."""
        due = sorted((time, job_id) for job_id, time in self._due.items() if time <= now)
        for _, job_id in due:
            del self._due[job_id]
        return [job_id for _, job_id in due]

    def seconds_to_next(self, now: datetime) -> float:
        """Return in how many seconds something is due; infinity when nothing is."""
        return min(
            ((time - now).total_seconds() for time in self._due.values()), default=float("inf")
        )
