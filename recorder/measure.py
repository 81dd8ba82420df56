"""Plays a phase's scenario against a real server and reads what the server counted."""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import asdict, dataclass
from typing import Any

import nats
from nats.js.errors import NoKeysError

from naq.server import NatsServer, run_nats_server
from recorder.phases import Phase
from recorder.variants import Journal, Variant, load_scenario

TIMED_CALLS = 1000
TIMED_ROUNDS = 3


@dataclass(frozen=True)
class Counts:
    """What the server counted of its clients (its monitoring's ``varz``).

    Args:
        connections: connections opened.
        requests: messages that the clients sent.
        bytes: bytes of those messages.
    """

    connections: int
    requests: int
    bytes: int

    def __sub__(self, other: Counts) -> Counts:
        return Counts(
            self.connections - other.connections,
            self.requests - other.requests,
            self.bytes - other.bytes,
        )


def counts(server: NatsServer) -> Counts:
    """Read the server's counts once they stand still; it adds them up after it has answered."""
    last = None
    while True:
        varz = server.monitor("varz")
        now = Counts(varz["total_connections"], varz["in_client_msgs"], varz["in_client_bytes"])
        if now == last:
            return now
        last = now
        time.sleep(0.02)


async def _prepare(url: str, scenario: Any) -> None:
    async with await nats.connect(url) as nc:
        await scenario.prepare(nc.jetstream())


async def _stored(url: str, buckets: list[str]) -> dict[str, dict[str, str]]:
    state: dict[str, dict[str, str]] = {}
    async with await nats.connect(url) as nc:
        js = nc.jetstream()
        for bucket in buckets:
            kv = await js.key_value(bucket)
            try:
                keys = await kv.keys()
            except NoKeysError:
                keys = []
            entries = {key: await kv.get(key) for key in sorted(keys)}
            state[bucket] = {key: (entry.value or b"").decode() for key, entry in entries.items()}
    return state


@dataclass(frozen=True)
class Outcome:
    """What one variant of a phase did: its calls, what it stored, what the server counted.

    Args:
        steps: each call with its result or exception.
        stored: bucket, key, value, at the end.
        counts: what the server counted while the scenario played.
        left_open: connections open when the event loop had ended.
    """

    steps: list[dict[str, str]]
    stored: dict[str, dict[str, str]]
    counts: Counts
    left_open: int

    def document(self) -> dict[str, Any]:
        """The outcome as JSON has it."""
        return asdict(self)


def play(phase: Phase, state: str) -> Outcome:
    """Play the scenario on a fresh server, then its part for a server without buckets on another.

    Args:
        phase: the phase.
        state: ``before``, ``fixed`` or ``now``.
    """
    scenario = load_scenario(phase)
    variant = Variant(phase, state)
    journal = Journal()
    with run_nats_server() as server:
        asyncio.run(_prepare(server.url, scenario))
        start = counts(server)
        asyncio.run(scenario.play(variant, server.url, journal))
        spent = counts(server) - start
        left_open = server.open_connections
        stored = asyncio.run(_stored(server.url, scenario.BUCKETS))
    with run_nats_server() as server:
        asyncio.run(scenario.play_without_bucket(variant, server.url, journal))
    return Outcome(journal.steps, stored, spent, left_open)


def time_calls(phase: Phase, states: tuple[str, ...]) -> dict[str, float]:
    """Time 1,000 calls of each variant, interleaved.

    Returns:
        The median seconds by variant.
    """
    scenario = load_scenario(phase)
    taken: dict[str, list[float]] = {state: [] for state in states}
    with run_nats_server() as server:
        asyncio.run(_prepare(server.url, scenario))
        for _ in range(TIMED_ROUNDS):
            for state in states:
                variant = Variant(phase, state)
                start = time.perf_counter()
                asyncio.run(scenario.repeat(variant, server.url, TIMED_CALLS))
                taken[state].append(time.perf_counter() - start)
    return {state: round(statistics.median(seconds), 3) for state, seconds in taken.items()}
