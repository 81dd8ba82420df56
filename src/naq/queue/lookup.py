"""Asking for many jobs at once whether their results are stored."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import Header
from nats.js.errors import KeyNotFoundError

from naq import buckets
from naq.models.outcome import Outcome
from naq.names import kv_subject

MULTI_GET_SINCE: Final = (2, 11)
"""The nats-server that answers a direct get for several subjects (ADR-31 of the NATS project)."""


async def stored_outcomes(
    conn: Client, js: JetStreamContext, job_ids: Iterable[str], timeout: float = 5.0
) -> dict[str, bool]:
    """Return the ids of the jobs whose outcome is stored, each with whether it is a success.

    Raises:
        TimeoutError: the server does not answer.
        nats.errors.Error: the connection is gone.
        nats.js.errors.APIError: there is no such bucket.
    """
    ids = list(job_ids)
    version = conn.connected_server_version
    if (version.major, version.minor) < MULTI_GET_SINCE:
        return await _one_by_one(js, ids)
    prefix = kv_subject(buckets.JOB_RESULTS, "")
    found: dict[str, bool] = {}
    ended: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def answered(msg: Msg) -> None:
        headers = msg.headers or {}
        status = headers.get(Header.STATUS)
        if status is not None:
            if ended.done():
                return
            # 204 is the end of the answer, 404 says that nothing was found.
            ended.set_result(status in ("204", "404"))
        elif "KV-Operation" not in headers:  # a deleted result is none
            found[headers["Nats-Subject"][len(prefix) :]] = not Outcome.is_failure(msg.data)

    inbox = conn.new_inbox()
    subscription = await conn.subscribe(inbox, cb=answered)
    try:
        request = {"multi_last": [prefix + job_id for job_id in ids]}
        await conn.publish(
            f"$JS.API.DIRECT.GET.KV_{buckets.JOB_RESULTS}", json.dumps(request).encode(), inbox
        )
        async with asyncio.timeout(timeout):
            answered_in_full = await ended
    finally:
        await subscription.unsubscribe()
    # A bucket that somebody else made may not allow direct gets.
    return found if answered_in_full else await _one_by_one(js, ids)


async def _one_by_one(js: JetStreamContext, job_ids: list[str]) -> dict[str, bool]:
    bucket = await js.key_value(buckets.JOB_RESULTS)

    async def look(job_id: str) -> tuple[str, bool] | None:
        try:
            entry = await bucket.get(job_id)
        except KeyNotFoundError:
            return None
        return job_id, not Outcome.is_failure(entry.value or b"")

    answers = await asyncio.gather(*(look(job_id) for job_id in job_ids))
    return dict(answer for answer in answers if answer is not None)
