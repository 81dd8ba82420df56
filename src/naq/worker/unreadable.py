"""Moving messages that are no job for this worker to the bucket ``set_aside``."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import Final

import msgspec
import nats.errors
from nats.aio.msg import Msg
from nats.js.errors import APIError

from naq.exceptions import describe_error
from naq.names import Names, kv_subject
from naq.pipeline import PublishPipeline
from naq.set_aside import SetAsideMessage, function_of, job_id_of, key_of
from naq.worker.delivery import position

logger = logging.getLogger("naq.worker")

TRY_AGAIN_AFTER: Final = 5.0
"""Seconds after which a message comes again that could not be stored."""

_LONGEST_REASON: Final = 1000
"""Characters."""


class Unreadable:
    """Sets messages aside, one after the other.

    Args:
        names: the names of the application.
        pipeline: publishes on the worker's connection.
        worker: the worker's id.
    """

    def __init__(self, names: Names, pipeline: PublishPipeline, worker: str) -> None:
        self._names = names
        self._pipeline = pipeline
        self._worker = worker
        self._messages: asyncio.Queue[tuple[Msg, str]] = asyncio.Queue()

    def take(self, msg: Msg, reason: str) -> None:
        """Have a message set aside."""
        self._messages.put_nowait((msg, reason))

    async def set_aside(self) -> None:
        """Set aside what comes, until cancelled."""
        while True:
            msg, reason = await self._messages.get()
            try:
                await self._store(msg, reason)
                await msg.ack()  # from here on the bucket has the only copy
                logger.error("%s is set aside: %s", msg.subject, reason)
            except nats.errors.ConnectionClosedError:
                raise
            except (nats.errors.Error, APIError) as error:
                logger.error("%s: cannot be set aside: %s", msg.subject, describe_error(error))
                with suppress(nats.errors.Error):
                    await msg.nak(TRY_AGAIN_AFTER)

    async def _store(self, msg: Msg, reason: str) -> None:
        sequence, deliveries, enqueued = position(msg)
        key = key_of(sequence, msg.data)
        about = SetAsideMessage(
            key=key,
            subject=msg.subject,
            reason=reason,
            size=len(msg.data),
            headers=dict(msg.headers or {}),
            worker=self._worker,
            set_aside_at=time.time(),
            job_id=job_id_of(msg.subject),
            function=function_of(msg.data),
            enqueued_at=enqueued / 1e9,
            deliveries=deliveries,
        )
        # The payload first: an entry that is listed can be put back.
        await self._put(f"message.{key}", msg.data)
        try:
            await self._put(f"about.{key}", msgspec.json.encode(about))
        except nats.errors.MaxPayloadError:
            shorter = f"{reason[:_LONGEST_REASON]} (its headers are too large to be kept)"
            about = msgspec.structs.replace(about, headers={}, reason=shorter)
            await self._put(f"about.{key}", msgspec.json.encode(about))

    async def _put(self, key: str, data: bytes) -> None:
        stored = await self._pipeline.publish(kv_subject(self._names.set_aside, key), data)
        await stored
