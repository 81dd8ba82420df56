"""The wire form of a job: two lines.

The first line is JSON and holds everything but the call's arguments. The second is the call, written
by the serializer that the first line names. So a listing reads no pickle, and a job written with the
JSON serializer is JSON throughout.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import orjson

from naq.exceptions import JobError, SerializationError
from naq.models.functions import import_function, is_importable, name_of
from naq.models.head import Head, read_head, write_head
from naq.models.retry import (
    NO_RETRY,
    Exponential,
    Fixed,
    Linear,
    RetryStrategy,
    strategy_from_json,
    strategy_to_json,
)
from naq.serializers import JSON, TYPED, Serializer, get_serializer

_STRATEGIES: Final = (Fixed, Linear, Exponential)


class Call(NamedTuple):
    """The content of a job's second line."""

    function: Callable[..., Any] | str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    retry: RetryStrategy


def write_job(head: Head, call: Call, serializer: Serializer) -> bytes:
    """Return the wire form of a job.

    Args:
        head: its settings; those of the retry strategy are added to it.
        call: its call.
        serializer: writes the arguments.

    Raises:
        SerializationError: the serializer cannot write the call.
    """
    head.retry, by_value = _parts_by_value(call)
    if by_value and head.serializer in (JSON.name, TYPED.name):
        which = " and ".join(name_of(function) for function in by_value.values())
        raise SerializationError(
            f"{which} cannot be imported by name, which JSON needs: define it once, at the top of "
            "a module that the worker can import"
        )
    parts = (call.args, call.kwargs, by_value) if by_value else (call.args, call.kwargs)
    return write_head(head) + b"\n" + serializer.dumps(parts)


def read_job(data: bytes) -> tuple[Head, bytes]:
    """Return the settings of a job, and its second line.

    Raises:
        NewerFormatError: a newer naq has written the job.
        SerializationError: the bytes are no job.
    """
    line, _, body = data.partition(b"\n")
    return read_head(line), body


def read_call(head: Head, body: bytes) -> Call:
    """Read the second line of a job.

    Raises:
        SerializationError: the call cannot be read here.
    """
    parts = get_serializer(head.serializer).loads(body)
    try:
        args, kwargs, *rest = parts
        by_value = rest[0] if rest else {}
        if by_value and not all(map(callable, by_value.values())):
            raise SerializationError(f"the call of job {head.id} is malformed")
        retry = by_value.get("retry", NO_RETRY) if head.retry is None else _named(head.retry)
        function = by_value.get("function", head.function)
        return Call(function, tuple(args), dict(kwargs), retry)
    except (TypeError, ValueError, KeyError, AttributeError, JobError) as error:
        raise SerializationError(f"the call of job {head.id} is malformed: {error}") from error


def with_settings(data: bytes, settings: Mapping[str, Any]) -> bytes:
    """Return the wire form of the same call with other settings; unknown ones of a newer naq stay.

    Args:
        data: the wire form.
        settings: the new values, by the keys of :class:`naq.models.head.Head`.
    """
    line, _, body = data.partition(b"\n")
    return orjson.dumps(orjson.loads(line) | settings) + b"\n" + body


def _named(retry: dict[str, Any]) -> RetryStrategy:
    return (
        import_function(retry["name"]) if retry["kind"] == "function" else strategy_from_json(retry)
    )


def _parts_by_value(
    call: Call,
) -> tuple[dict[str, Any] | None, dict[str, Callable[..., Any]]]:
    """Return the JSON form of the retry strategy, and what has to travel by value."""
    by_value: dict[str, Callable[..., Any]] = {}
    retry: dict[str, Any] | None = None
    if callable(call.function) and not is_importable(call.function):
        by_value["function"] = call.function
    if isinstance(call.retry, _STRATEGIES):
        retry = None if call.retry is NO_RETRY else strategy_to_json(call.retry)
    elif is_importable(call.retry):
        retry = {"kind": "function", "name": name_of(call.retry)}
    else:
        by_value["retry"] = call.retry
    return retry, by_value
