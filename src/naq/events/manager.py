"""Counting events."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from naq.events.publisher import EventPublisher
from naq.events.subscriber import EventSubscriber


@dataclass(frozen=True)
class EventStats:
    """Counts of the events in a span of time.

    Args:
        seconds: the length of the span, up to now.
        counts: how many events of each type.
        queues: of each queue, how many jobs ended, by how: ``completed``, ``failed``.
        mean_duration: seconds that a completed job took on average; None without any.
    """

    seconds: float
    counts: dict[str, int] = field(default_factory=dict)
    queues: dict[str, dict[str, int]] = field(default_factory=dict)
    mean_duration: float | None = None

    @property
    def rate(self) -> float:
        """Jobs completed a second."""
        return self.counts.get("job.completed", 0) / self.seconds


class EventManager(EventPublisher, EventSubscriber):
    """Publishes, reads and counts events.

    Args:
        config: a configuration, a URL, or None for the process's configuration.
    """

    async def stats(self, span: float | timedelta = 3600.0) -> EventStats:
        """Return what has happened lately.

        Args:
            span: seconds, or a timedelta, up to now.

        Raises:
            NaqConnectionError: there is no connection.
        """
        seconds = span.total_seconds() if isinstance(span, timedelta) else span
        events = await self.history(since=datetime.now(UTC) - timedelta(seconds=seconds))
        queues: dict[str, Counter[str]] = {}
        durations = []
        for event in events:
            how = event.type.removeprefix("job.")
            if how in ("completed", "failed"):
                queues.setdefault(event.data.get("queue", ""), Counter())[how] += 1
            if how == "completed":
                durations.append(event.data.get("duration", 0.0))
        return EventStats(
            seconds,
            dict(sorted(Counter(event.type for event in events).items())),
            {queue: dict(queues[queue]) for queue in sorted(queues)},
            sum(durations) / len(durations) if durations else None,
        )
