"""Unique jobs: equal calls have one id, so the stream of jobs holds one of them at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import msgspec

from naq.exceptions import JobError

_encode = msgspec.json.Encoder(order="sorted", enc_hook=lambda value: _plain(value)).encode
_DIGITS: Final = 32


def window_of(unique: bool | float | timedelta) -> float | None:
    """Return the seconds for which a job is the only one of its call; None for any job.

    Args:
        unique: True for as long as it is queued or runs, or for how long besides, in seconds.

    Raises:
        JobError: it is no length of time.
    """
    if isinstance(unique, bool):
        return 0.0 if unique else None
    seconds = unique.total_seconds() if isinstance(unique, timedelta) else unique
    if not isinstance(seconds, (int, float)) or not 0 < seconds < float("inf"):
        raise JobError(f"unique must be True or a positive number of seconds, not {unique!r}")
    return float(seconds)


def id_of_call(queue: str, function: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Return the id that all jobs of a call have.

    Raises:
        JobError: the arguments are not of JSON's types, nor of those that have one form in JSON.
    """
    try:
        call = _encode([queue, function, list(args), dict(kwargs)])
    except (TypeError, ValueError, msgspec.MsgspecError) as error:
        raise JobError(
            f"{function}: a unique job is recognised by its arguments in JSON, and {error}: "
            "give the job a job_id instead"
        ) from error
    return f"unique-{hashlib.sha256(call).hexdigest()[:_DIGITS]}"


def _plain(value: Any) -> Any:
    if callable(dump := getattr(value, "model_dump", None)):  # a model of pydantic
        return dump(mode="json")
    raise TypeError(f"a {type(value).__name__} has no form in JSON")
