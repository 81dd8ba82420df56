import json
from typing import Any, Dict

from ..config import Config, get_config
from ..connection import (
    nats_connection,
    nats_jetstream,
)


class EventPublisher:
    def __init__(self, config: Config | None = None):
        self.config = config or get_config()

    async def publish_event(self, event_type: str, data: Dict[str, Any]) -> None:
        async with nats_connection(self.config) as nc:
            await nc.publish(f"events.{event_type}", json.dumps(data).encode())

    async def publish_system_event(self, data: Dict[str, Any]) -> None:
        async with nats_jetstream(self.config) as (nc, js):
            await js.publish("system_events", json.dumps(data).encode())
