"""The streams and buckets that a worker needs, created again where they are missing."""

from __future__ import annotations

import asyncio
import logging

from nats.js import JetStreamContext
from nats.js.errors import APIError, NotFoundError

from naq import buckets
from naq.exceptions import NaqError, describe_error
from naq.setup import warn_if_less
from naq.streams import ensure_stream, event_stream, job_stream
from naq.worker.settings import WorkerSettings

logger = logging.getLogger("naq.worker")


class Places:
    """Watches over a worker's streams and buckets.

    Args:
        settings: the worker's settings.
        js: the JetStream context.
    """

    def __init__(self, settings: WorkerSettings, js: JetStreamContext) -> None:
        self._settings = settings
        self._js = js
        self._names = settings.config.names
        self._streams = [self._names.job_stream, *(f"KV_{name}" for name in self._names.buckets)]
        if settings.events:
            self._streams.append(self._names.event_stream)
        self._last_message = ""

    async def ensure(self) -> None:
        """Make the streams and buckets that do not exist.

        Raises:
            nats.js.errors.APIError: the server refuses to make one.
        """
        await ensure_stream(self._js, job_stream(self._settings.config))
        if self._settings.events:
            await ensure_stream(self._js, event_stream(self._settings.config))
        await buckets.ensure_buckets(self._settings.config)
        await warn_if_less(self._js, self._settings.config)

    async def results_may_expire(self) -> bool:
        """Whether the bucket of results takes a time to live with each result.

        A server older than 2.11 knows nothing of it; a newer one refuses a message with a time to
        live where the bucket, made by another, does not allow it.
        """
        info = await self._js.stream_info(f"KV_{self._names.job_results}")
        return bool(info.config.allow_msg_ttl)

    async def mend(self) -> bool:
        """Create what is missing and log it; return whether anything was missing.

        Raises:
            nats.errors.Error: the server does not answer.
        """
        found = await asyncio.gather(*map(self._exists, self._streams))
        names = [name for name, exists in zip(self._streams, found, strict=True) if not exists]
        if not names:
            self._last_message = ""
            return False
        missing = ", ".join(
            f"bucket {name.removeprefix('KV_')}" if name.startswith("KV_") else f"stream {name}"
            for name in names
        )
        try:
            await self.ensure()
        except (APIError, NaqError) as error:
            self._log(
                logging.ERROR, f"missing, and cannot be created: {missing}: {describe_error(error)}"
            )
            return False
        self._log(logging.WARNING, f"created again, since it was missing: {missing}")
        return True

    async def _exists(self, stream: str) -> bool:
        try:
            await self._js.stream_info(stream)
        except NotFoundError:
            return False
        return True

    def _log(self, level: int, message: str) -> None:
        if message != self._last_message:  # once, not at each look
            logger.log(level, message)
        self._last_message = message
