"""Reads events: live ones and stored ones."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import DeliverPolicy

from naq.config import Config, as_config
from naq.connection import nats_jetstream
from naq.connection.nats_py.jetstream import DatedConsumer, stream_end
from naq.exceptions import NaqConnectionError, SerializationError, describe_error
from naq.models.event import Event
from naq.streams import ensure_stream, event_stream

logger = logging.getLogger("naq.events")

_LISTEN = 1.0
"""Seconds of silence after which a subscription is asked again; it ends with its connection."""


class EventSubscriber:
    """Reads the stream of events.

    Args:
        config: a configuration, a URL, or None for the process's configuration.
    """

    def __init__(self, config: Config | str | None = None) -> None:
        self.config = as_config(config)

    async def watch(
        self, pattern: str = ">", *, since: datetime | None = None
    ) -> AsyncGenerator[Event]:
        """Yield events as they come, for ever.

        An outage of the servers is waited out; events of that time come after it.

        Args:
            pattern: the types, with NATS's wildcards: ``job.*``, ``job.failed``, ``>``.
            since: begin with the stored events from this time on; None begins now.

        Raises:
            NaqConnectionError: at the start; there is no connection.
        """
        seen: _StreamPosition | None = None
        while True:
            try:
                async with self._subscription(pattern, since, seen) as subscribed:
                    seen = subscribed.after
                    async for msg in subscribed.messages():
                        seen = seen._replace(sequence=msg.metadata.sequence.stream)
                        event = _read(msg.data)
                        if event is not None:
                            yield event
            except (NaqConnectionError, nats.errors.Error) as error:
                if seen is None:
                    raise
                logger.debug("the watch of events waits for the server: %s", describe_error(error))
                await asyncio.sleep(_LISTEN)

    async def history(
        self, pattern: str = ">", *, since: datetime | None = None, limit: int | None = None
    ) -> list[Event]:
        """Return stored events, the oldest first.

        Args:
            pattern: the types, with NATS's wildcards.
            since: the time from which on; None is the whole past that is stored, a week.
            limit: how many of the latest at most; None is no limit.

        Raises:
            NaqConnectionError: there is no connection.
        """
        events: list[Event] = []
        start = since or datetime.fromtimestamp(0, UTC)
        async with self._subscription(pattern, start) as subscribed:
            left = await subscribed.left()
            while left > 0:
                async with asyncio.timeout(self.config.request_timeout):
                    msg = await subscribed.subscription.next_msg(self.config.request_timeout)
                left -= 1
                event = _read(msg.data)
                if event is not None:
                    events.append(event)
        return events if limit is None else events[max(len(events) - limit, 0) :]

    @asynccontextmanager
    async def _subscription(
        self, pattern: str, since: datetime | None, seen: _StreamPosition | None = None
    ) -> AsyncGenerator[_Subscribed]:
        """Subscribe to what comes after a place, or else from a time on, or now."""
        async with nats_jetstream(self.config) as (conn, js):
            await ensure_stream(js, event_stream(self.config))
            created, last = await stream_end(js, self.config.names.event_stream)
            if seen is None:
                seen = _StreamPosition(created, 0 if since else last)
            elif seen.stream != created:
                seen = _StreamPosition(created, 0)  # the stream was deleted and created again
            if seen.sequence:
                since = None
            subscription = await js.subscribe(
                self.config.names.event_subject(pattern),
                stream=self.config.names.event_stream,
                ordered_consumer=True,
                config=DatedConsumer(
                    deliver_policy=DeliverPolicy.BY_START_TIME
                    if since
                    else DeliverPolicy.BY_START_SEQUENCE,
                    opt_start_time=since,
                    opt_start_seq=None if since else seen.sequence + 1,
                ),
                pending_msgs_limit=0,
                pending_bytes_limit=0,
            )
            try:
                yield _Subscribed(conn, subscription, seen)
            finally:
                with suppress(nats.errors.Error):  # without a connection it has ended anyway
                    await subscription.unsubscribe()


class _StreamPosition(NamedTuple):
    """A place in the stream of events: when the stream was made, and the number of an event."""

    stream: str
    sequence: int


@dataclass(frozen=True)
class _Subscribed:
    """A subscription to the stream of events.

    Args:
        conn: the connection.
        subscription: the subscription.
        after: the place after which it begins.
    """

    conn: Client
    subscription: JetStreamContext.PushSubscription
    after: _StreamPosition

    async def left(self) -> int:
        """Return how many stored events are to come."""
        info = await self.subscription.consumer_info()
        return (info.num_pending or 0) + (info.delivered.consumer_seq if info.delivered else 0)

    async def messages(self) -> AsyncGenerator[Msg]:
        """Yield messages until the connection has been lost and has come back.

        nats-py's own new subscription may start from the beginning, and comes late.
        """
        outages, seen = self.conn.stats["reconnects"], self.after.sequence
        while self.conn.stats["reconnects"] == outages:
            try:
                msg = await self.subscription.next_msg(timeout=_LISTEN)
            except (nats.errors.TimeoutError, TimeoutError):
                continue
            if msg.metadata.sequence.stream > seen:
                seen = msg.metadata.sequence.stream
                yield msg


def _read(data: bytes) -> Event | None:
    """Return the event, or None for what somebody else has published there."""
    try:
        return Event.deserialize(data)
    except SerializationError:
        return None
