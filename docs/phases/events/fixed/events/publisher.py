"""Publishes events: on ``events.<type>`` for listeners, on ``system_events`` for the record."""

from typing import Any, Dict

from naq.models.event import Event

from ..config import Config, get_config
from ..connection import (
    nats_connection,
    nats_jetstream,
)


class EventPublisher:
    """Says what has happened."""

    def __init__(self, config: Config | None = None):
        self.config = config or get_config()

    async def publish_event(self, event_type: str, data: Dict[str, Any]) -> None:
        """Publish an event to those who listen now."""
        async with nats_connection(self.config) as nc:
            event = Event(event_type, data)
            await nc.publish(event.subject, event.serialize())

    async def publish_system_event(self, event_type: str, data: Dict[str, Any]) -> None:
        """Publish an event and have it stored."""
        async with nats_jetstream(self.config) as (nc, js):
            await js.publish("system_events", Event(event_type, data).serialize())
