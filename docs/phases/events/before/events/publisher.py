"""Publishes events: on ``events.<type>`` for listeners, on ``system_events`` for the record."""

from typing import Any, Dict

from naq.models.event import Event

from ..connection import (
    close_nats_connection,
    get_jetstream_context,
    get_nats_connection,
)


class EventPublisher:
    """Says what has happened."""

    def __init__(self, nats_url: str):
        self.nats_url = nats_url

    async def publish_event(self, event_type: str, data: Dict[str, Any]) -> None:
        """Publish an event to those who listen now."""
        nc = await get_nats_connection(self.nats_url)
        try:
            event = Event(event_type, data)
            await nc.publish(event.subject, event.serialize())
        finally:
            await close_nats_connection(nc)

    async def publish_system_event(self, event_type: str, data: Dict[str, Any]) -> None:
        """Publish an event and have it stored."""
        nc = await get_nats_connection(self.nats_url)
        try:
            js = await get_jetstream_context(nc)
            await js.publish("system_events", Event(event_type, data).serialize())
        finally:
            await close_nats_connection(nc)
