"""A limit that jobs share: so many of them at once, or so many a second."""

from __future__ import annotations

import reprlib
from typing import Annotated

import msgspec

from naq.exceptions import JobError
from naq.names import LONGEST_TOKEN, is_queue_name

SLOWEST = 1 / 1800
"""Jobs a second: the slowest rate, one in half an hour."""

MOST_AT_ONCE = 1000


class Limit(msgspec.Struct, frozen=True, omit_defaults=True):
    """A limit on the jobs that have the same key, over all queues and workers of an application.

    Attributes:
        key: its name; any text. Jobs that share it should agree on the numbers.
        at_once: how many of them run at once.
        per_second: how many of them start in a second, evenly spaced; below 1 for fewer, as 0.1 is
            for one in ten seconds.

    Raises:
        JobError: there is neither of the two, or a value makes no sense.
    """

    key: Annotated[str, msgspec.Meta(min_length=1)]
    at_once: Annotated[int, msgspec.Meta(ge=1, le=MOST_AT_ONCE)] | None = None
    per_second: Annotated[float, msgspec.Meta(ge=SLOWEST)] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.key, str) or not is_queue_name(self.key):
            raise JobError(
                f"limit {reprlib.repr(self.key)}: a key is text of up to {LONGEST_TOKEN} characters"
            )
        if self.at_once is None and self.per_second is None:
            raise JobError(f"limit {self.key!r}: give it at_once, per_second, or both")
        if self.at_once is not None and not _is_count(self.at_once):
            raise JobError(
                f"limit {self.key!r}: at_once must be a whole number from 1 to {MOST_AT_ONCE}, not {self.at_once!r}"
            )
        if self.per_second is not None and not _is_rate(self.per_second):
            raise JobError(
                f"limit {self.key!r}: per_second must be 1/1800 or more, not {self.per_second!r}"
            )


def _is_count(value: object) -> bool:
    return type(value) is int and 1 <= value <= MOST_AT_ONCE


def _is_rate(value: float) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and SLOWEST <= value < float("inf")
