"""naq's streams and buckets on the servers: creates them, raises their settings, reports differences.

Workers and clients create missing ones, where they may. They never change existing ones.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from nats.js import JetStreamContext
from nats.js.api import StreamConfig
from nats.js.errors import NotFoundError

from naq import buckets
from naq.config import Config, as_config
from naq.connection import nats_jetstream
from naq.connection.nats_py.jetstream import stream_settings, update_stream
from naq.streams import ensure_stream, event_stream, job_stream, system_event_stream

logger = logging.getLogger("naq")

_NANOSECONDS: Final = 1_000_000_000
_NO_LIMIT: Final = float("inf")


class SetupOutcome(StrEnum):
    """The outcome for a difference between the server and the configuration."""

    MADE = "made"
    RAISED = "raised"
    MISSING = "missing"
    LESS = "less than configured"
    MORE = "more than configured: left as it is"


@dataclass(frozen=True)
class Difference:
    """A stream or bucket that is not as configured.

    Args:
        place: the stream or the bucket.
        setting: the setting; "" where all of it is missing.
        exists: the setting's value on the server.
        configured: its value by the configuration.
        outcome: its outcome.
    """

    place: str
    setting: str
    exists: str
    configured: str
    outcome: SetupOutcome


@dataclass(frozen=True)
class _StreamOrBucket:
    """A stream, perhaps that of a bucket, and the least that its settings should be."""

    name: str
    stream: str
    settings: Mapping[str, int]
    made_from: StreamConfig | None


def _places(config: Config) -> Iterator[_StreamOrBucket]:
    replicas = config.replicas
    for stream in (job_stream(config), event_stream(config), system_event_stream(config)):
        assert stream.name
        settings = {"num_replicas": replicas}
        if stream.max_age:
            settings |= {"max_age": int(stream.max_age * _NANOSECONDS)}
        yield _StreamOrBucket(f"stream {stream.name}", stream.name, settings, stream)
    for bucket in config.names.buckets:
        ttl = int(buckets.ttl_of(bucket, config) * _NANOSECONDS)
        yield _StreamOrBucket(
            f"bucket {bucket}", f"KV_{bucket}", {"num_replicas": replicas, "max_age": ttl}, None
        )


async def setup(config: Config | str | None = None, *, check: bool = False) -> list[Difference]:
    """Create missing streams and buckets, and raise settings that are lower than configured.

    Nothing is lowered: a higher setting is reported and stays.

    Args:
        config: a configuration, a URL, or None for the process's configuration.
        check: change nothing, and only report.

    Returns:
        What was not as configured.

    Raises:
        NaqConnectionError: there is no connection.
        nats.js.errors.APIError: the server refuses.
    """
    settings = as_config(config)
    async with nats_jetstream(settings) as (_, js):
        found = await asyncio.gather(
            *(_settle(js, place, settings, check) for place in _places(settings))
        )
    return [difference for differences in found for difference in differences]


async def warn_if_less(
    js: JetStreamContext, config: Config, streams: Collection[str] | None = None
) -> None:
    """Log, in one line, the settings that are lower than configured.

    Args:
        js: the JetStream context.
        config: the configuration.
        streams: the streams to look at; None is all.

    Raises:
        nats.js.errors.APIError: the server refuses.
    """
    places = [each for each in _places(config) if streams is None or each.stream in streams]
    found = await asyncio.gather(*(_compare(js, place) for place in places))
    less = [
        f"{each.place} has {each.setting} {each.exists}, not {each.configured}"
        for differences in found
        for each in differences
        if each.outcome is SetupOutcome.LESS
    ]
    if less:
        logger.warning("`naq setup` has to raise what exists: %s", "; ".join(less))


async def _settle(
    js: JetStreamContext, place: _StreamOrBucket, config: Config, check: bool
) -> list[Difference]:
    differences = await _compare(js, place)
    if check or not differences:
        return differences
    if differences[0].outcome is SetupOutcome.MISSING:
        if place.made_from is not None:
            await ensure_stream(js, place.made_from)
        else:
            await buckets.ensure_buckets(config, (place.stream.removeprefix("KV_"),))
        return [dataclasses.replace(differences[0], outcome=SetupOutcome.MADE)]
    less = {each.setting for each in differences if each.outcome is SetupOutcome.LESS}
    if less:
        existing = await stream_settings(js, place.stream)
        changes = {setting: place.settings[setting] for setting in less}
        await update_stream(js, existing | changes)
    return [
        dataclasses.replace(each, outcome=SetupOutcome.RAISED) if each.setting in less else each
        for each in differences
    ]


async def _compare(js: JetStreamContext, place: _StreamOrBucket) -> list[Difference]:
    try:
        existing = await stream_settings(js, place.stream)
    except NotFoundError:
        return [Difference(place.name, "", "", "", SetupOutcome.MISSING)]
    differences = []
    for setting, wanted in place.settings.items():
        has = existing.get(setting, 0)
        if has == wanted:
            continue
        less = _size(setting, has) < _size(setting, wanted)
        outcome = SetupOutcome.LESS if less else SetupOutcome.MORE
        shown = (_shown(setting, has), _shown(setting, wanted))
        differences.append(Difference(place.name, setting, *shown, outcome))
    return differences


def _size(setting: str, value: int) -> float:
    """Return a value to compare by: an age of 0 is no limit."""
    return _NO_LIMIT if setting == "max_age" and not value else value


def _shown(setting: str, value: Any) -> str:
    if setting == "max_age":
        return f"{value / _NANOSECONDS:g} s" if value else "no limit"
    return str(value)
