"""Plays a phase's scenario against a real server and reads the server's counts."""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
import warnings
from collections.abc import Callable, Coroutine
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import nats
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import KeyNotFoundError, NotFoundError

from naq.connection import close_all_connections
from naq.models.trail import split_trail
from naq.server import NatsServer, run_nats_server
from recorder.phases import Phase
from recorder.variants import Journal, Variant, load_scenario

TIMED_CALLS = 1000
TIMED_ROUNDS = 3

T = TypeVar("T")


@dataclass(frozen=True)
class Counts:
    """The server's counts of its clients (its monitoring's ``varz``).

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


def _settled(read: Callable[[], T]) -> T:
    """Read the server's monitoring until it stops changing: it lags behind the server's answers."""
    last = read()
    while True:
        time.sleep(0.02)
        now = read()
        if now == last:
            return now
        last = now


def counts(server: NatsServer) -> Counts:
    """Read the server's counts of its clients."""
    varz = _settled(lambda: _counted(server.monitor("varz")))
    return Counts(*varz)


def _counted(varz: dict[str, Any]) -> tuple[int, int, int]:
    return varz["total_connections"], varz["in_client_msgs"], varz["in_client_bytes"]


async def _prepare(url: str, scenario: Any) -> None:
    async with await nats.connect(url) as nc:
        await scenario.prepare(nc.jetstream())


async def _stored(url: str, scenario: Any) -> dict[str, dict[str, str]]:
    async with await nats.connect(url) as nc:
        js = nc.jetstream()
        buckets = {name: await _entries(js, name) for name in scenario.BUCKETS}
        streams = {name: await _messages(js, name) for name in scenario.STREAMS}
        return buckets | streams


async def _entries(js: JetStreamContext, bucket: str) -> dict[str, str]:
    kv = await js.key_value(bucket)
    # Not `kv.keys()`: it waits for a watch, and on a busy machine it can come back with nothing.
    prefix = f"$KV.{bucket}."
    subjects = (await js.stream_info(f"KV_{bucket}", subjects_filter=f"{prefix}>")).state.subjects
    entries: dict[str, str] = {}
    for key in sorted(subject.removeprefix(prefix) for subject in subjects or ()):
        try:
            # The trail of a run, its times and its worker, is another one each time.
            outcome, _ = split_trail((await kv.get(key)).value or b"")
            entries[key] = _text(outcome)
        except KeyNotFoundError:  # a deleted key leaves its mark
            continue
    return entries


async def _messages(js: JetStreamContext, stream: str) -> dict[str, str]:
    messages: dict[str, str] = {}
    state = (await js.stream_info(stream)).state
    for sequence in range(state.first_seq, state.last_seq + 1):
        try:
            message = await js.get_msg(stream, sequence)
        except NotFoundError:  # acknowledged, so gone
            continue
        messages[f"{sequence} {message.subject}"] = _text(message.data)
    return messages


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "backslashreplace")


@dataclass(frozen=True)
class VariantRun:
    """One run of a variant: its calls, its stored state and the server's counts.

    Args:
        steps: each call with its result or exception.
        stored: bucket or stream, key or subject, value, at the end.
        counts: the server's counts while the scenario ran.
        left_open: connections still open at the end.
    """

    steps: list[dict[str, str]]
    stored: dict[str, dict[str, str]]
    counts: Counts
    left_open: int

    def document(self) -> dict[str, Any]:
        """The outcome as JSON has it."""
        return asdict(self)


def play(phase: Phase, state: str) -> VariantRun:
    """Play the scenario on a fresh server, then its part for an unprepared server on another.

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
        left_open = asyncio.run(_run(scenario.play(variant, server.url, journal), server))
        spent = counts(server) - start
        stored = asyncio.run(_stored(server.url, scenario))
    with run_nats_server() as server:
        asyncio.run(_run(scenario.play_unprepared(variant, server.url, journal), server))
    return VariantRun(journal.steps, stored, spent, left_open)


async def _run(calls: Coroutine[Any, Any, None], server: NatsServer) -> int:
    """Await a scenario's calls; return how many connections they forgot, having closed those."""
    with warnings.catch_warnings():
        # Where the codemod left a site, its output still calls the old helpers.
        warnings.simplefilter("ignore", DeprecationWarning)
        await calls
    await close_all_connections()
    left_open = _settled(lambda: server.open_connections)
    for client in [found for found in gc.get_objects() if issubclass(type(found), Client)]:
        await client.close()
    return left_open


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
