"""How many jobs ended when: counts of events by spans of time, for charts.

The server counts: one request gives the number of events of a type since a time, so nothing is read
but one event. Spans that are over are counted once in a process.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from nats.js.errors import NotFoundError

from naq.config import Config
from naq.connection import nats_jetstream
from naq.stored import StreamReader

SPANS: Final = {"hour": (60, 60), "day": (96, 15 * 60)}
"""Of each chart, how many bars it has, and the seconds of each."""


@dataclass(frozen=True)
class Chart:
    """Counts of jobs that ended, by spans of time.

    Args:
        start: when the first span begins, in seconds since the epoch.
        step: seconds of a span; the last one is not over yet.
        completed: how many jobs completed in each span.
        failed: how many failed.
        stored_since: the time of the oldest event that is stored; None if there is none. Before it,
            nothing is known.
    """

    start: float
    step: int
    completed: list[int]
    failed: list[int]
    stored_since: float | None

    def describe(self) -> dict[str, Any]:
        """Return it in JSON's types."""
        return asdict(self)


class JobCounts:
    """Counts the jobs that ended, and remembers the counts of spans that are over.

    Args:
        config: the configuration.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._known: dict[tuple[str, int, int], int] = {}

    async def chart(self, span: str) -> Chart:
        """Return the counts of the last hour or day.

        Args:
            span: a key of ``SPANS``.

        Raises:
            ServerTooOldError: the server is older than 2.11.
            nats.errors.Error: the server does not answer.
        """
        bars, step = SPANS[span]
        last = int(time.time()) // step * step
        starts = [last - step * back for back in range(bars - 1, -1, -1)]
        async with nats_jetstream(self._config) as (conn, js):
            reader = StreamReader(conn, js, self._config.names.event_stream)
            oldest = await reader.oldest()
            if oldest is None:
                completed, failed = [0] * bars, [0] * bars
            else:
                completed, failed = await asyncio.gather(
                    self._counts(reader, "completed", starts, step, oldest),
                    self._counts(reader, "failed", starts, step, oldest),
                )
        self._forget(starts[0], step)
        return Chart(starts[0], step, completed, failed, oldest)

    async def rate(self, seconds: float) -> float:
        """Return how many jobs completed a second lately.

        Args:
            seconds: the span, up to now.
        """
        subject = self._config.names.event_subject("job.completed")
        async with nats_jetstream(self._config) as (conn, js):
            reader = StreamReader(conn, js, self._config.names.event_stream)
            try:
                count = await reader.count_since(_time(time.time() - seconds), subject)
            except NotFoundError:
                return 0.0
        return count / seconds

    async def _counts(
        self, reader: StreamReader, kind: str, starts: list[int], step: int, oldest: float
    ) -> list[int]:
        subject = self._config.names.event_subject(f"job.{kind}")
        unknown = [
            start
            for start in starts
            if (kind, step, start) not in self._known and start + step > oldest
        ]
        bounds = sorted({bound for start in unknown for bound in (start, start + step)})
        since = dict(
            zip(
                bounds,
                await asyncio.gather(*(reader.count_since(_time(at), subject) for at in bounds)),
                strict=True,
            )
        )
        counted = {start: max(since[start] - since[start + step], 0) for start in unknown}
        for start in unknown:
            if start != starts[-1]:
                self._known[kind, step, start] = counted[start]
        return [counted.get(start, self._known.get((kind, step, start), 0)) for start in starts]

    def _forget(self, first: int, step: int) -> None:
        for key in [key for key in self._known if key[1] == step and key[2] < first]:
            del self._known[key]


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
