"""Changes as they happen: a stream of server-sent events that names what has changed.

One task of the process listens to NATS while anybody watches, for all who do: to the events of
workers, and to the buckets in which something changes. The length of a queue is the one thing that
NATS does not announce, so that task asks for it, once a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import AsyncGenerator, Iterable
from typing import Final

import nats.errors
import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js import JetStreamContext
from nats.js.errors import APIError, NotFoundError
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from naq.config import Config
from naq.connection import nats_jetstream
from naq.exceptions import NaqError, describe_error

LONGEST: Final = 25.0
"""Seconds after which a stream ends, and the browser asks for the next one: until then a server that
stops would wait for it, and a proxy may have lost its patience."""

PAUSE: Final = 1.0
"""Seconds between two messages to a browser, at least."""

_TOPICS: Final = frozenset({"jobs", "queues", "workers", "schedules", "aside"})


class Live:
    """Names what has changed, for whoever watches.

    Args:
        config: the configuration.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._watchers: set[_Watcher] = set()
        self._task: asyncio.Task[None] | None = None
        self._error = ""
        self._ended = asyncio.Event()

    def end(self) -> None:
        """End all streams, because the process ends."""
        self._ended.set()
        self._note(*_TOPICS)

    async def endpoint(self, _request: Request) -> Response:
        """Answer with the stream of changes."""
        return StreamingResponse(
            self.changes(),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    async def changes(self) -> AsyncGenerator[bytes]:
        """Yield what has changed, as server-sent events, for half a minute."""
        watcher = _Watcher()
        watcher.note(_TOPICS)
        self._watchers.add(watcher)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._follow())
        end = time.monotonic() + LONGEST
        try:
            yield b"retry: 1000\n\n"
            while (left := end - time.monotonic()) > 0 and not self._ended.is_set():
                topics = await watcher.wait(left)
                message = {"topics": sorted(topics), "error": self._error}
                yield b"data: " + orjson.dumps(message) + b"\n\n"
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(PAUSE):
                        await self._ended.wait()
        finally:
            self._watchers.discard(watcher)
            if not self._watchers and self._task is not None:
                self._task.cancel()

    def _note(self, *topics: str) -> None:
        for watcher in self._watchers:
            watcher.note(topics)

    async def _hear(self, topics: tuple[str, ...], _msg: Msg) -> None:
        self._note(*topics)

    async def _follow(self) -> None:
        while True:
            try:
                async with nats_jetstream(self._config) as (conn, js):
                    await self._listen(conn, js)
            except (NaqError, nats.errors.Error, APIError, TimeoutError) as error:
                self._error = describe_error(error)
                self._note(*_TOPICS)
                await asyncio.sleep(PAUSE)

    async def _listen(self, conn: Client, js: JetStreamContext) -> None:
        names = self._config.names
        topics = {
            names.event_subject("job.>"): ("jobs", "queues"),
            names.event_subject("worker.>"): ("workers",),
            f"$KV.{names.worker_status}.>": ("workers",),
            f"$KV.{names.scheduled_jobs}.>": ("schedules", "jobs"),
            f"$KV.{names.waiting_jobs}.>": ("jobs",),
            f"$KV.{names.failed_jobs}.>": ("jobs",),
            f"$KV.{names.job_status}.>": ("jobs",),
            f"$KV.{names.set_aside}.>": ("aside",),
        }
        async with contextlib.AsyncExitStack() as stack:
            for subject, changed in topics.items():
                subscription = await conn.subscribe(
                    subject, cb=functools.partial(self._hear, changed)
                )
                stack.push_async_callback(_end, subscription)
            await self._look_at_queues(js)

    async def _look_at_queues(self, js: JetStreamContext) -> None:
        seen: tuple[int, int] | None = None
        while True:
            try:
                state = (await js.stream_info(self._config.names.job_stream)).state
                now = (state.last_seq, state.messages)
            except NotFoundError:
                now = (0, 0)
            if self._error:
                self._error = ""
                self._note(*_TOPICS)
            if now != seen:
                self._note("jobs", "queues")
            seen = now
            await asyncio.sleep(PAUSE)


class _Watcher:
    """Somebody who watches: collects topics until they are sent."""

    def __init__(self) -> None:
        self._topics: set[str] = set()
        self._changed = asyncio.Event()

    def note(self, topics: Iterable[str]) -> None:
        self._topics.update(topics)
        self._changed.set()

    async def wait(self, timeout: float) -> set[str]:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._changed.wait()
        self._changed.clear()
        topics, self._topics = self._topics, set()
        return topics


async def _end(subscription: Subscription) -> None:
    with contextlib.suppress(nats.errors.Error):  # without a connection it has ended anyway
        await subscription.unsubscribe()
