"""What the dashboard shows: each view in JSON's types."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from typing import Any, Final

from starlette.requests import Request

from naq.buckets import ensure_buckets
from naq.config import Config
from naq.dashboard.endpoint import BadRequestError, NotThereError
from naq.failed import FailedJobs
from naq.inspection import job_details, list_jobs
from naq.inspection.counts import SPANS, JobCounts
from naq.inspection.moments import moment
from naq.models.arguments import shown_arguments
from naq.models.job import Job
from naq.models.schedule import Schedule
from naq.queue.overview import list_queues
from naq.scheduling import store
from naq.set_aside import SetAside
from naq.worker.status import WorkerInfo, WorkerStatusManager

RATE_SPAN: Final = 60.0
"""Seconds over which the rate is taken."""

MOST_SHOWN: Final = 500
"""Rows of a table without pages; more than that is for the command line."""


class Views:
    """The data of the dashboard's pages.

    Args:
        config: the configuration.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._counts = JobCounts(config)
        self._prepared = False

    async def _prepare(self) -> None:
        if not self._prepared:
            await ensure_buckets(self._config)
            self._prepared = True

    async def overview(self, _request: Request) -> dict[str, Any]:
        """Return figures, queues and workers."""
        await self._prepare()
        queues, workers, failed, aside, rate = await asyncio.gather(
            self._queues(),
            WorkerStatusManager(self._config).list_workers(),
            FailedJobs(self._config).count(),
            SetAside(self._config).list(),
            self._counts.rate(RATE_SPAN),
        )
        return {
            "time": time.time(),
            "rate": rate,
            "failed_count": failed,
            "set_aside_count": len(aside),
            "queues": queues,
            "workers": [_worker(each) for each in workers[:MOST_SHOWN]],
        }

    async def chart(self, request: Request) -> dict[str, Any]:
        """Return the counts of the last hour or day."""
        span = request.query_params.get("span", "hour")
        if span not in SPANS:
            raise BadRequestError(f"span must be one of {', '.join(SPANS)}")
        return (await self._counts.chart(span)).describe()

    async def jobs(self, request: Request) -> dict[str, Any]:
        """Return a page of jobs."""
        asked = request.query_params
        since = asked.get("since")
        limit = asked.get("limit", "50")
        if not limit.isdecimal():
            raise BadRequestError("limit must be a number")
        page = await list_jobs(
            self._config,
            states=[state for state in asked.getlist("state") if state],
            queue=asked.get("queue") or None,
            task=asked.get("task") or None,
            since=moment(since) if since else None,
            limit=int(limit),
            page=asked.get("page") or None,
        )
        return {"time": time.time(), **page.describe()}

    async def job(self, request: Request) -> dict[str, Any]:
        """Return one job with its history."""
        job_id = request.query_params.get("id", "")
        details = await job_details(job_id, self._config)
        if details is None:
            raise NotThereError(f"nothing is known of a job {job_id!r}")
        return {"time": time.time(), **details.describe()}

    async def queues(self, _request: Request) -> dict[str, Any]:
        """Return the queues."""
        await self._prepare()
        return {"time": time.time(), "queues": await self._queues()}

    async def _queues(self) -> list[dict[str, Any]]:
        return [dataclasses.asdict(each) for each in await list_queues(self._config)]

    async def schedules(self, _request: Request) -> dict[str, Any]:
        """Return the schedules, the next due first."""
        listed = await store.list_schedules(self._config)
        return {
            "time": time.time(),
            "count": len(listed),
            "schedules": [_schedule(each) for each in listed[:MOST_SHOWN]],
        }

    async def workers(self, _request: Request) -> dict[str, Any]:
        """Return the workers."""
        await self._prepare()
        workers = await WorkerStatusManager(self._config).list_workers()
        return {
            "time": time.time(),
            "count": len(workers),
            "workers": [_worker(each) for each in workers[:MOST_SHOWN]],
        }

    async def set_aside(self, _request: Request) -> dict[str, Any]:
        """Return the messages that no worker could read, the oldest first."""
        listed = await SetAside(self._config).list()
        return {
            "time": time.time(),
            "count": len(listed),
            "messages": [each.describe() for each in listed[:MOST_SHOWN]],
        }


def _worker(worker: WorkerInfo) -> dict[str, Any]:
    return {
        **dataclasses.asdict(worker),
        "last_seen": worker.last_seen.timestamp(),
        "status": "stale" if worker.stale else worker.status.value,
    }


def _schedule(schedule: Schedule) -> dict[str, Any]:
    function = store.function_of(schedule)
    job = Job.deserialize(schedule.payload) if function else None
    return {
        "job_id": schedule.job_id,
        "function": function,
        "arguments": str(shown_arguments(job)),
        "queue": schedule.queue,
        "cron": schedule.cron,
        "timezone": schedule.timezone,
        "interval": schedule.interval,
        "run_at": schedule.run_at.timestamp() if schedule.run_at else None,
        "status": schedule.status.value,
    }
