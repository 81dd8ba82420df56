"""What the dashboard changes: each action takes a JSON object, and answers with what it has done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import nats.errors
from nats.js.errors import APIError

from naq.config import Config
from naq.dashboard.endpoint import Answer, BadRequestError, Body, NotThereError
from naq.exceptions import NaqError, describe_error
from naq.failed import FailedJobs
from naq.queue.control import cancel_job
from naq.queue.core import Queue
from naq.queue.pausing import pause_queue, resume_queue
from naq.scheduling import store
from naq.set_aside import SetAside

MOST_AT_ONCE: Final = 1000
"""Ids of one request."""

_TOGETHER: Final = 20


class Actions:
    """Changes jobs, queues and schedules.

    Args:
        config: the configuration.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._failed = FailedJobs(config)
        self._aside = SetAside(config)

    def by_name(self) -> dict[str, Callable[[Body], Awaitable[Answer]]]:
        """Return each action by its path."""
        return {
            "jobs/requeue": lambda body: self._each(body, "ids", self._failed.requeue),
            "jobs/delete": lambda body: self._each(body, "ids", self._delete),
            "jobs/cancel": lambda body: self._each(body, "ids", self._cancel),
            "failed/requeue": self._requeue_all,
            "failed/purge": self._purge_failed,
            "queues/pause": lambda body: self._one(body, "name", pause_queue),
            "queues/resume": lambda body: self._one(body, "name", resume_queue),
            "queues/purge": self._purge_queue,
            "schedules/run": lambda body: self._one(body, "id", store.run_scheduled_job),
            "schedules/pause": lambda body: self._one(body, "id", store.pause_scheduled_job),
            "schedules/resume": lambda body: self._one(body, "id", store.resume_scheduled_job),
            "schedules/cancel": self._cancel_schedule,
            "set-aside/put-back": lambda body: self._each(body, "keys", self._aside.put_back),
            "set-aside/delete": lambda body: self._each(body, "keys", self._aside.delete),
        }

    async def _cancel(self, job_id: str) -> None:
        if not await cancel_job(job_id, self._config):
            raise NotThereError("it is no longer scheduled, waiting, queued or running")

    async def _delete(self, job_id: str) -> None:
        if not await self._failed.delete(job_id):
            raise NotThereError(f"there is no failed job {job_id!r}")

    async def _requeue_all(self, body: Body) -> Answer:
        return {"done": await self._failed.requeue_all(_optional(body, "queue"))}

    async def _purge_failed(self, body: Body) -> Answer:
        return {"done": await self._failed.purge(_optional(body, "queue"))}

    async def _purge_queue(self, body: Body) -> Answer:
        return {"done": await Queue(_text(body, "name"), self._config).purge()}

    async def _cancel_schedule(self, body: Body) -> Answer:
        job_id = _text(body, "id")
        if not await store.cancel_scheduled_job(job_id, self._config):
            raise NotThereError(f"there is no scheduled job {job_id!r}")
        return {"done": 1}

    async def _one(
        self, body: Body, key: str, act: Callable[[str, Config], Awaitable[object]]
    ) -> Answer:
        await act(_text(body, key), self._config)
        return {"done": 1}

    async def _each(self, body: Body, key: str, act: Callable[[str], Awaitable[object]]) -> Answer:
        """Act on each of many; one that fails stops no other, and is named."""
        wanted = body.get(key)
        if not isinstance(wanted, list) or not all(isinstance(each, str) for each in wanted):
            raise BadRequestError(f"{key} must be a list of texts")
        if len(wanted) > MOST_AT_ONCE:
            raise BadRequestError(f"{key} may have {MOST_AT_ONCE} at most")
        turn = asyncio.Semaphore(_TOGETHER)

        async def act_on(name: str) -> str | None:
            async with turn:
                try:
                    await act(name)
                except (NaqError, nats.errors.Error, APIError, TimeoutError) as error:
                    return describe_error(error)
            return None

        names = list(dict.fromkeys(wanted))
        errors: dict[str, Any] = dict(
            zip(names, await asyncio.gather(*map(act_on, names)), strict=True)
        )
        failed = {name: error for name, error in errors.items() if error is not None}
        return {"done": len(names) - len(failed), "errors": failed}


def _text(body: Body, key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise BadRequestError(f"{key} must be a text")
    return value


def _optional(body: Body, key: str) -> str | None:
    return _text(body, key) if body.get(key) is not None else None
