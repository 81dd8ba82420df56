"""The calls that hold the events before, fixed and now together."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest import mock

from naq.config import Config
from naq.models.event import Event
from naq.streams import event_stream, system_event_stream

if TYPE_CHECKING:
    from nats.js import JetStreamContext

    from recorder.variants import Journal, Variant

BUCKETS: list[str] = []
STREAMS = ["naq_events", "system_events"]

MOMENT = 0.05
"""Seconds in which the stream takes in an event: nobody acknowledges a plain publish."""


async def prepare(js: JetStreamContext) -> None:
    """Make the streams that the modules expect."""
    await js.add_stream(event_stream(Config()))
    await js.add_stream(system_event_stream(Config()))


@contextmanager
def clock_stopped() -> Iterator[None]:
    """Publish every event as of one time: its digits would count among the bytes."""
    serialize = Event.serialize
    with mock.patch.object(
        Event, "serialize", lambda event: serialize(dataclasses.replace(event, time=0.0))
    ):
        yield


async def play(variant: Variant, url: str, journal: Journal) -> None:
    """Publish events of both kinds, look back, count; then what goes wrong."""
    with clock_stopped():
        await _play(variant, url, journal)


async def _play(variant: Variant, url: str, journal: Journal) -> None:
    publisher = variant.load("events.publisher").EventPublisher(url)
    subscriber = variant.load("events.subscriber").EventSubscriber(url)
    manager = variant.load("events.manager").EventManager(url)
    call = journal.call
    await call("look back at nothing", _told(subscriber))
    await call("count nothing", _counts(manager))
    await call("publish one", publisher.publish_event("job.started", {"job_id": "j1"}))
    await call("publish another", publisher.publish_event("job.done", {"job_id": "j1"}))
    await call("publish a third", publisher.publish_event("job.started", {"job_id": "j2"}))
    await asyncio.sleep(MOMENT)
    await call("look back", _told(subscriber))
    await call("look back at the last two", _told(subscriber, limit=2))
    await call("count them", _counts(manager))
    await call("publish one of the system", publisher.publish_system_event("started", {"w": "w1"}))
    await call("publish what is no JSON", publisher.publish_event("job.done", {"job_id": {1}}))
    await call("publish on a bad subject", publisher.publish_event("job done", {}))
    await asyncio.sleep(MOMENT)
    await call("count after the errors", _counts(manager))


async def _told(subscriber: Any, **limit: int) -> list[tuple[str, dict[str, Any]]]:
    """The events but for their times."""
    return [(event.type, event.data) for event in await subscriber.history(**limit)]


async def _counts(manager: Any) -> dict[str, int]:
    """What is counted; the module counts more by now."""
    counts: dict[str, int] = (await manager.stats()).counts
    return counts


async def play_unprepared(variant: Variant, url: str, journal: Journal) -> None:
    """An event for nobody, on a server without the stream."""
    publisher = variant.load("events.publisher").EventPublisher(url)
    await journal.call("publish to nobody", publisher.publish_event("job.done", {}))


async def repeat(variant: Variant, url: str, calls: int) -> None:
    """One call, again and again: what the phase is timed on."""
    publisher = variant.load("events.publisher").EventPublisher(url)
    for _ in range(calls):
        await publisher.publish_event("job.done", {"job_id": "j1"})
