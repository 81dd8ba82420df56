"""Counts the events."""

from collections import Counter
from dataclasses import dataclass
from typing import Dict

from naq.models.event import Event

from ..config import Config, get_config
from ..connection import nats_jetstream


@dataclass
class EventStats:
    """How many events of each type were stored."""

    counts: Dict[str, int]


class EventManager:
    """Says how often what has happened."""

    def __init__(self, config: Config | None = None):
        self.config = config or get_config()

    async def stats(self) -> EventStats:
        """Count the stored events, by their type."""
        counts: Counter = Counter()
        async with nats_jetstream(self.config) as (nc, js):
            state = (await js.stream_info("naq_events")).state
            if state.messages:
                for number in range(state.first_seq, state.last_seq + 1):
                    message = await js.get_msg("naq_events", number)
                    counts[Event.deserialize(message.data).type] += 1
        return EventStats(dict(sorted(counts.items())))
