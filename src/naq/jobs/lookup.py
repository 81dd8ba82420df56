"""Looks up the stored results of many jobs at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import Header
from nats.js.errors import NotFoundError

from naq.models.finished import Trail
from naq.models.job import Job
from naq.models.outcome import Outcome
from naq.names import Names, kv_subject

MULTI_GET_SINCE: Final = (2, 11)
"""The nats-server that answers a direct get for several subjects (ADR-31 of the NATS project)."""


@dataclass(frozen=True, slots=True)
class StoredOutcome:
    """An outcome that is stored, without its value.

    Args:
        succeeded: whether it is a result, and no failure.
        data: its stored form.
        trail: what the job has left behind it.
    """

    succeeded: bool
    data: bytes
    trail: Trail

    @classmethod
    def of(cls, data: bytes) -> StoredOutcome:
        """Return the outcome that a message of the bucket holds."""
        return cls(not Outcome.is_failure(data), data, Trail.of(data))

    @property
    def created(self) -> float:
        """When its job was made, in seconds since the epoch; 0 where that is not known."""
        return self.trail.job.created_at if self.trail.job else 0.0

    def is_of(self, job: Job) -> bool:
        """Whether it came of this very job, and of none that had the same id before."""
        ended = self.trail.job
        return ended is None or ended.created_at == job.created_at

    def covers(self, job: Job) -> bool:
        """Whether a job that is unique for a time is not to run, since this one has."""
        if not (job.unique and self.succeeded and self.created):
            return False
        return 0 <= job.created_at - self.created < job.unique


async def stored_outcomes(
    conn: Client, js: JetStreamContext, names: Names, job_ids: Iterable[str], timeout: float = 5.0
) -> dict[str, StoredOutcome]:
    """Return the outcomes that are stored, by the ids of their jobs.

    Raises:
        TimeoutError: the server does not answer.
        nats.errors.Error: the connection is gone.
        nats.js.errors.APIError: there is no such bucket.
    """
    ids = list(job_ids)
    version = conn.connected_server_version
    if (version.major, version.minor) < MULTI_GET_SINCE:
        return await _one_by_one(js, names, ids)
    prefix = kv_subject(names.job_results, "")
    found: dict[str, StoredOutcome] = {}
    ended: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def answered(msg: Msg) -> None:
        headers = msg.headers or {}
        status = headers.get(Header.STATUS)
        if status is not None:
            if ended.done():
                return
            # 204 ends the answer; 404 means that nothing was found.
            ended.set_result(status in ("204", "404"))
        elif "KV-Operation" not in headers:  # a deleted result is none
            found[headers["Nats-Subject"][len(prefix) :]] = StoredOutcome.of(msg.data)

    inbox = conn.new_inbox()
    subscription = await conn.subscribe(inbox, cb=answered)
    try:
        request = {"multi_last": [prefix + job_id for job_id in ids]}
        await conn.publish(
            f"$JS.API.DIRECT.GET.KV_{names.job_results}", json.dumps(request).encode(), inbox
        )
        async with asyncio.timeout(timeout):
            answered_in_full = await ended
    finally:
        await subscription.unsubscribe()
    # A bucket that somebody else made may not allow direct gets.
    return found if answered_in_full else await _one_by_one(js, names, ids)


async def _one_by_one(
    js: JetStreamContext, names: Names, job_ids: list[str]
) -> dict[str, StoredOutcome]:
    outcomes = await asyncio.gather(*(stored_outcome(js, names, job_id) for job_id in job_ids))
    return {job_id: found for job_id, found in zip(job_ids, outcomes, strict=True) if found}


async def stored_outcome(js: JetStreamContext, names: Names, job_id: str) -> StoredOutcome | None:
    """Return the outcome that is stored of one job, or None when there is none.

    Raises:
        nats.errors.Error: the server does not answer.
    """
    try:
        # A bucket's own `get` keeps the headers to itself.
        message = await js.get_last_msg(
            f"KV_{names.job_results}", kv_subject(names.job_results, job_id)
        )
    except NotFoundError:
        return None
    headers = message.headers or {}
    if "KV-Operation" in headers:
        return None
    return StoredOutcome.of(message.data or b"")
