"""Publishing events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nats.js.errors import NoStreamResponseError

from naq.config import Config, as_config
from naq.connection import nats_jetstream
from naq.models.event import Event
from naq.streams import ensure_stream, event_stream, system_event_stream


class EventPublisher:
    """Publishes an application's events beside naq's.

    Args:
        config: a configuration, a URL, or None for the process's configuration.
    """

    def __init__(self, config: Config | str | None = None) -> None:
        self.config = as_config(config)
        self._there_is_a_stream = False

    async def publish_event(self, event_type: str, data: Mapping[str, Any]) -> None:
        """Publish an event on ``events.<type>``, without a wait for its storage.

        Args:
            event_type: what happened, as dotted words.
            data: its details, in JSON's types.

        Raises:
            SerializationError: the data is not in JSON's types.
            NaqConnectionError: there is no connection.
        """
        event = Event(event_type, dict(data))
        async with nats_jetstream(self.config) as (conn, js):
            if not self._there_is_a_stream:
                await ensure_stream(js, event_stream(self.config))
                self._there_is_a_stream = True
            await conn.publish(self.config.names.event_subject(event.type), event.serialize())

    async def publish_system_event(self, event_type: str, data: Mapping[str, Any]) -> None:
        """Publish an event on ``system_events``, and wait until the server has stored it.

        Args:
            event_type: what happened, as dotted words.
            data: its details, in JSON's types.

        Raises:
            SerializationError: the data is not in JSON's types.
            NaqConnectionError: there is no connection.
        """
        payload = Event(event_type, dict(data)).serialize()
        async with nats_jetstream(self.config) as (_, js):
            try:
                await js.publish(self.config.names.system_event_subject, payload)
            except NoStreamResponseError:
                await ensure_stream(js, system_event_stream(self.config))
                await js.publish(self.config.names.system_event_subject, payload)
