"""Counts the events."""

from collections import Counter
from dataclasses import dataclass
from typing import Dict

from naq.models.event import Event

from ..connection import (
    close_nats_connection,
    get_jetstream_context,
    get_nats_connection,
)


@dataclass
class EventStats:
    """How many events of each type were stored."""

    counts: Dict[str, int]


class EventManager:
    """Says how often what has happened."""

    def __init__(self, nats_url: str):
        self.nats_url = nats_url

    async def stats(self) -> EventStats:
        """Count the stored events, by their type."""
        counts: Counter = Counter()
        nc = await get_nats_connection(self.nats_url)
        js = await get_jetstream_context(nc)
        state = (await js.stream_info("naq_events")).state
        if state.messages:
            for number in range(state.first_seq, state.last_seq + 1):
                message = await js.get_msg("naq_events", number)
                counts[Event.deserialize(message.data).type] += 1
        await close_nats_connection(nc)
        return EventStats(dict(sorted(counts.items())))
