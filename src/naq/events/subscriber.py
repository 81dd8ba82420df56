"""Reading events: as they come, and those of the past."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime

import nats.errors
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DeliverPolicy

from naq.config import Config, as_config
from naq.connection import nats_jetstream
from naq.exceptions import SerializationError
from naq.models.event import Event
from naq.streams import EVENT_STREAM, ensure_stream, event_stream

_LISTEN = 1.0
"""Seconds of silence after which a subscription is asked again; it ends with its connection."""


class EventSubscriber:
    """Reads the stream of events.

    Args:
        config: a configuration, a URL, or None for the process's configuration.
        nats_url: deprecated: a URL, by its older name.
    """

    def __init__(self, config: Config | str | None = None, *, nats_url: str | None = None) -> None:
        self.config = as_config(config, nats_url)

    async def watch(
        self, pattern: str = ">", *, since: datetime | None = None
    ) -> AsyncGenerator[Event]:
        """Yield events as they come, for ever.

        Args:
            pattern: the types, with NATS's wildcards: ``job.*``, ``job.failed``, ``>``.
            since: begin with the stored events from this time on; None begins now.

        Raises:
            NaqConnectionError: there is no connection to be had.
        """
        async with self._subscription(pattern, since, new=since is None) as (_, subscription):
            while True:
                try:
                    msg = await subscription.next_msg(timeout=_LISTEN)
                except (nats.errors.TimeoutError, TimeoutError):
                    continue
                event = _read(msg.data)
                if event is not None:
                    yield event

    async def history(
        self, pattern: str = ">", *, since: datetime | None = None, limit: int | None = None
    ) -> list[Event]:
        """Return stored events, the oldest first.

        Args:
            pattern: the types, with NATS's wildcards.
            since: the time from which on; None is the whole past that is stored, a week.
            limit: how many of the latest at most; None is no limit.

        Raises:
            NaqConnectionError: there is no connection to be had.
        """
        events: list[Event] = []
        async with self._subscription(pattern, since) as (left, subscription):
            while left > 0:
                async with asyncio.timeout(self.config.request_timeout):
                    msg = await subscription.next_msg(timeout=self.config.request_timeout)
                left -= 1
                event = _read(msg.data)
                if event is not None:
                    events.append(event)
        return events if limit is None else events[max(len(events) - limit, 0) :]

    @asynccontextmanager
    async def _subscription(
        self, pattern: str, since: datetime | None, *, new: bool = False
    ) -> AsyncGenerator[tuple[int, JetStreamContext.PushSubscription]]:
        policy = DeliverPolicy.NEW if new else DeliverPolicy.ALL
        if since is not None:
            policy = DeliverPolicy.BY_START_TIME
        async with nats_jetstream(self.config) as (_, js):
            await ensure_stream(js, event_stream(self.config.replicas))
            subscription = await js.subscribe(
                f"events.{pattern}",
                stream=EVENT_STREAM,
                ordered_consumer=True,
                config=ConsumerConfig(deliver_policy=policy, opt_start_time=since),
                pending_msgs_limit=0,
                pending_bytes_limit=0,
            )
            try:
                info = await subscription.consumer_info()
                delivered = info.delivered.consumer_seq if info.delivered else 0
                yield (info.num_pending or 0) + delivered, subscription
            finally:
                await subscription.unsubscribe()


def _read(data: bytes) -> Event | None:
    """Return the event, or None for what somebody else has published there."""
    try:
        return Event.deserialize(data)
    except SerializationError:
        return None
