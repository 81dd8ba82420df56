"""Jobs that run where they are enqueued, without a server.

The parts of the worker that read, call and write a job are the real ones, so what cannot travel, or
what raises, does the same here. There is no queue, no time and no second process.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar

from naq.config import Config
from naq.exceptions import JobCancelledError, ParentFailedError, ResultTimeoutError
from naq.middleware import around_enqueue
from naq.models.info import JobInfo
from naq.models.job import Job
from naq.models.outcome import JobFailure, Outcome
from naq.models.schedule import Schedule
from naq.models.status import JOB_STATUS, Enqueued
from naq.worker.context import JobContext
from naq.worker.execute import Executor, JobMiddleware, run_in_context
from naq.worker.settle import failure_of, is_worth_a_retry

T = TypeVar("T")


class NaqInline:
    """Runs each job when it is enqueued; the fixture ``naq_inline``.

    Attributes:
        jobs: the jobs that were enqueued, in their order.
        state: what ``lifespan_state`` gives to the jobs.
        middleware: what goes around each attempt, as of :class:`naq.Worker`.
    """

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.state: Any = None
        self.middleware: Iterable[JobMiddleware] = ()
        self._outcomes: dict[str, tuple[JOB_STATUS, bytes | None]] = {}
        self._waiting: dict[str, Job] = {}
        self._schedules: dict[str, Schedule] = {}

    async def run_scheduled(self) -> int:
        """Run each job once that waits for its time, and return how many there were."""
        due, self._schedules = self._schedules, {}
        for job_id, schedule in due.items():
            if schedule.is_recurring:
                self._schedules[job_id] = schedule
            await self._run(Job.deserialize(schedule.payload))
        return len(due)

    def replacements(self) -> dict[str, Callable[..., Any]]:
        """Return what takes the place of naq's own functions, by their full names."""
        return {
            "naq.queue.core.enqueue_job": self._enqueue,
            "naq.queue.core.publish_jobs": self._enqueue_many,
            "naq.queue.core.park": self._park,
            "naq.queue.core.store_schedule": self._store_schedule,
            "naq.queue.core.time_of_server": _now,
            "naq.results.Results.fetch_stored": self._fetch_stored,
            "naq.queue.control.get_job": self._get_job,
            "naq.queue.control.cancel_job": self._cancel,
            "naq.handles.get_job": self._get_job,
            "naq.handles.cancel_job": self._cancel,
            "naq.sync.loop.Loop.run": _run_here,
        }

    async def _enqueue(self, job: Job, _config: Config, *, again: bool = False) -> Enqueued:
        job.enqueued = Enqueued.NEW
        if job.job_id in self._outcomes and not again:
            job.enqueued = Enqueued.DONE
            return job.enqueued
        self.jobs.append(job)
        await self._run(job)
        return job.enqueued

    async def _enqueue_many(self, jobs: Iterable[Job], config: Config) -> int:
        async def put(job: Job) -> Job:
            await self._enqueue(job, config)
            return job

        made = [await around_enqueue(put)(job) for job in jobs]
        return sum(job.enqueued is Enqueued.NEW for job in made)

    async def _park(self, job: Job, _config: Config) -> None:
        job.enqueued = Enqueued.NEW
        self.jobs.append(job)
        self._waiting[job.job_id] = Job.deserialize(job.serialize())
        await self._settle_waiting()

    async def _store_schedule(self, schedule: Schedule, _config: Config) -> None:
        self.jobs.append(Job.deserialize(schedule.payload))
        self._schedules[schedule.job_id] = schedule

    async def _run(self, given: Job) -> None:
        job = Job.deserialize(given.serialize())
        executor = _Executor(1, middleware=self.middleware, state=self.state)
        attempt = 0
        while True:
            attempt += 1
            try:
                context = JobContext(job, attempt, "inline", _forget)
                outcome = await executor.run(context, self._results_of_parents(job))
                data = outcome.serialize() if job.keep_result else None
            except Exception as error:  # noqa: BLE001 - a job may raise anything
                if attempt <= job.retries and is_worth_a_retry(job, error):
                    continue
                self._end(job, failure_of(error, attempt, "inline"))
            else:
                self._outcomes[job.job_id] = (JOB_STATUS.COMPLETED, data)
            break
        executor.shutdown()
        await self._settle_waiting()

    def _end(self, job: Job, failure: JobFailure, status: JOB_STATUS = JOB_STATUS.FAILED) -> None:
        self._outcomes[job.job_id] = (status, Outcome(failure=failure).serialize())

    async def _settle_waiting(self) -> None:
        """Run, or end, what waits for nothing any more."""
        for job in list(self._waiting.values()):
            if job.job_id not in self._waiting or not self._outcomes.keys() >= set(job.depends_on):
                continue
            del self._waiting[job.job_id]
            reason = "" if job.on_parent_failure == "run" else self._first_failure(job)
            if not reason:
                await self._run(job)
            elif job.on_parent_failure == "cancel":
                self._store_cancellation(job, f"cancelled: {reason}")
            else:
                self._end(job, JobFailure.of(ParentFailedError(reason), attempts=0))
                await self._settle_waiting()

    def _first_failure(self, job: Job) -> str:
        for parent in job.depends_on:
            status, data = self._outcomes[parent]
            if status is not JOB_STATUS.COMPLETED and data is not None:
                return f"job {parent} did not succeed: {Outcome.deserialize(data).failure}"
        return ""

    def _results_of_parents(self, job: Job) -> tuple[bytes | None, ...]:
        if not job.pass_results:
            return ()
        stored = [self._outcomes[parent] for parent in job.depends_on]
        results = [data if status is JOB_STATUS.COMPLETED else None for status, data in stored]
        if None in results and job.on_parent_failure != "run":
            parent = job.depends_on[results.index(None)]
            raise ParentFailedError(f"the result of job {parent} has expired, or was not kept")
        return tuple(results)

    async def _fetch_stored(self, job_id: str, *, timeout: float | None = None) -> bytes:
        _, data = self._outcomes.get(job_id, (None, None))
        if data is None:
            # Nothing runs beside the test: to wait would be to wait for ever.
            raise ResultTimeoutError(f"there is no result of job {job_id} yet")
        return data

    async def _get_job(self, job_id: str, _config: Config | str | None = None) -> JobInfo | None:
        if job_id in self._outcomes:
            status, data = self._outcomes[job_id]
            failure = None
            if status is JOB_STATUS.FAILED and data is not None:
                failure = Outcome.deserialize(data).failure
            return JobInfo(job_id, status, failure=failure, worker="inline")
        if job_id in self._waiting:
            return JobInfo(job_id, JOB_STATUS.WAITING, job=self._waiting[job_id])
        if job_id in self._schedules:
            schedule = self._schedules[job_id]
            job = Job.deserialize(schedule.payload)
            return JobInfo(job_id, JOB_STATUS.SCHEDULED, job=job, schedule=schedule)
        return None

    async def _cancel(self, job_id: str, _config: Config | str | None = None) -> bool:
        info = await self._get_job(job_id)
        if info is None or info.job is None:
            return False
        self._waiting.pop(job_id, None)
        self._schedules.pop(job_id, None)
        self._store_cancellation(info.job, "cancelled before it ran")
        await self._settle_waiting()
        return True

    def _store_cancellation(self, job: Job, reason: str) -> None:
        failure = JobFailure.of(JobCancelledError(reason), attempts=0, failed_at=time.time())
        self._end(job, failure, JOB_STATUS.CANCELLED)


class _Executor(Executor):
    async def _in_thread(self, call: Callable[[], Any], _context: JobContext) -> Any:
        """Call it in the thread of the test, so it sees the test's transactions and patches."""
        loop = asyncio.get_running_loop()
        # As in a thread of a worker, no loop runs here: the function may use naq.sync.
        asyncio._set_running_loop(None)
        try:
            return run_in_context(contextvars.copy_context(), os.getpid(), call)
        finally:
            asyncio._set_running_loop(loop)


def _run_here(_loop: Any, awaitable: Awaitable[T]) -> T:
    async def wait() -> T:
        return await awaitable

    return asyncio.run(wait())


async def _now(_config: Config) -> datetime:
    return datetime.now(UTC)


def _forget(_progress: bytes) -> None:
    """Drop the progress of a job: nobody watches it."""
