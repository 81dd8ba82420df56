"""Something that happened, as the stream of events holds it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import orjson

from naq.exceptions import SerializationError
from naq.names import Names


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    Args:
        type: what, as dotted words: ``job.completed``. It is part of the subject.
        data: its details, in JSON's types.
        time: seconds since the epoch.
    """

    type: str
    data: dict[str, Any] = field(default_factory=dict)
    time: float = field(default_factory=time.time)

    @property
    def subject(self) -> str:
        """The subject on which it is published, without the prefix of a configuration."""
        return Names().event_subject(self.type)

    def serialize(self) -> bytes:
        """Return the event as JSON.

        Raises:
            SerializationError: the data is not in JSON's types.
        """
        document = {"type": self.type, "time": self.time, "data": self.data}
        try:
            return orjson.dumps(document)
        except (TypeError, ValueError) as error:
            raise SerializationError(f"event {self.type}: {error}") from error

    @classmethod
    def deserialize(cls, data: bytes) -> Event:
        """Read an event.

        Raises:
            SerializationError: the bytes are no event.
        """
        try:
            document = orjson.loads(data)
            return cls(document["type"], document["data"], document["time"])
        except (ValueError, TypeError, KeyError) as error:
            raise SerializationError(f"no event: {data[:40]!r}") from error
