import json
from typing import Any, Dict

from ..connection import (
    nats_connection,
    nats_jetstream,
)


class EventPublisher:
    def __init__(self, nats_url: str):
        self.nats_url = nats_url

    async def publish_event(self, event_type: str, data: Dict[str, Any]) -> None:
        async with nats_connection(self.nats_url) as nc:
            await nc.publish(f"events.{event_type}", json.dumps(data).encode())

    async def publish_system_event(self, data: Dict[str, Any]) -> None:
        async with nats_jetstream(self.nats_url) as (nc, js):
            await js.publish("system_events", json.dumps(data).encode())
