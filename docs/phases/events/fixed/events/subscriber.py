"""Reads the events that were stored."""

from typing import List, Optional

from naq.models.event import Event

from ..config import Config, get_config
from ..connection import nats_jetstream


class EventSubscriber:
    """Looks back at what has happened."""

    def __init__(self, config: Optional[Config] = None):
        self.config = config or get_config()

    async def history(self, limit: Optional[int] = None) -> List[Event]:
        """Return the stored events, the oldest first; of the latest at most ``limit``."""
        async with nats_jetstream(self.config) as (nc, js):
            state = (await js.stream_info("naq_events")).state
            if not state.messages:
                return []
            first = state.first_seq if limit is None else max(state.first_seq, state.last_seq - limit + 1)
            messages = [await js.get_msg("naq_events", n) for n in range(first, state.last_seq + 1)]
            return [Event.deserialize(message.data) for message in messages]
