"""Reads the events that were stored."""

from typing import List, Optional

from naq.models.event import Event

from ..connection import get_jetstream_context, get_nats_connection


class EventSubscriber:
    """Looks back at what has happened."""

    def __init__(self, nats_url: str):
        self.nats_url = nats_url

    async def history(self, limit: Optional[int] = None) -> List[Event]:
        """Return the stored events, the oldest first; of the latest at most ``limit``."""
        nc = await get_nats_connection(self.nats_url)
        js = await get_jetstream_context(nc)
        state = (await js.stream_info("naq_events")).state
        if not state.messages:
            return []
        first = state.first_seq if limit is None else max(state.first_seq, state.last_seq - limit + 1)
        messages = [await js.get_msg("naq_events", n) for n in range(first, state.last_seq + 1)]
        return [Event.deserialize(message.data) for message in messages]
