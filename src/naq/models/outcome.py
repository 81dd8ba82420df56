"""The outcome of a job, as the bucket ``job_results`` holds it.

A success written by the cloudpickle serializer is the pickled value and nothing else. Everything
else is two lines, like a job: JSON that describes the outcome, then the value, written by the
serializer that the first line names. A pickle starts
with the byte 0x80, so the two cannot be confused. Behind either, a worker stores the job's trail.
"""

from __future__ import annotations

import functools
import json
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from naq.exceptions import SerializationError
from naq.models.retry import exception_name
from naq.models.trail import split_trail
from naq.serializers import CLOUDPICKLE, JSON, TYPED, Serializer, get_serializer

_PICKLE: Final = b"\x80"
_JSON: Final = frozenset({JSON.name, TYPED.name})

_LONGEST: Final = 32_000
"""Characters that are kept of a message and of a traceback: a server takes 1 MB a message."""

_LENGTHS: Final = (8_000, 2_000, 500, 100, 0)
"""Characters that are kept of each, where a message has no room for that."""


@dataclass(frozen=True, slots=True)
class JobFailure:
    """The reason of a job's failure, as text only, so any exception can be stored.

    Args:
        error_type: the exception's class as ``module:Class``.
        message: the exception's text.
        traceback: the traceback as Python prints it, in the worker.
        attempts: how many attempts were made.
        worker: id of the worker of the last one.
        failed_at: seconds since the epoch.
        enqueued_at: when the server put the job into its queue; 0.0 if it never was in one.
        started_at: when the last attempt began; 0.0 if none did.
    """

    error_type: str
    message: str
    traceback: str
    attempts: int = 1
    worker: str = ""
    failed_at: float = 0.0
    enqueued_at: float = 0.0
    started_at: float = 0.0

    @classmethod
    def of(
        cls, error: BaseException, *, attempts: int = 1, worker: str = "", failed_at: float = 0.0
    ) -> JobFailure:
        """Describe an exception, also one whose ``str`` raises."""
        try:
            message = str(error)
        except Exception as second:
            message = f"<its text cannot be had: {type(second).__name__}>"
        try:
            trace = "".join(traceback.format_exception(error))
        except Exception as second:
            trace = f"<its traceback cannot be had: {type(second).__name__}>"
        return cls(
            exception_name(type(error)), _cut(message), _cut(trace), attempts, worker, failed_at
        )

    def fitting(self, size: Callable[[JobFailure], int], room: int) -> JobFailure:
        """Return the failure with as much text as a message has room for.

        Args:
            size: the bytes of the message with a failure in it.
            room: bytes of the largest message.
        """
        shorter = self
        for length in _LENGTHS:
            if size(shorter) <= room:
                break
            shorter = replace(
                self,
                error_type=self.error_type[:length],
                message=_cut(self.message, length),
                traceback=_cut(self.traceback, length),
                worker=self.worker[:length],
            )
        return shorter

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> JobFailure:
        """Return the failure of its JSON form; keys of a newer naq are left out."""
        known = {name: document[name] for name in cls.__slots__ if name in document}
        return cls(**{"error_type": "", "message": "", "traceback": "", **known})

    def to_json(self) -> dict[str, Any]:
        """Return its JSON form, without what is empty."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in fields.items() if value or name == "attempts"}

    def __str__(self) -> str:
        name = self.error_type.rpartition(":")[2]
        return f"{name}: {self.message}" if self.message else name


@dataclass(frozen=True, slots=True)
class Outcome:
    """A job's result or failure.

    Args:
        value: what the function returned; None for a failure.
        failure: why it failed; None for a success.
        serializer: the serializer that writes the value, or its name.
    """

    value: Any = None
    failure: JobFailure | None = None
    serializer: Serializer | str = field(default=CLOUDPICKLE.name)

    def serialize(self) -> bytes:
        """Return the bytes to store.

        Raises:
            SerializationError: the serializer cannot write the value.
        """
        if self.failure is not None:
            return _line({"naq": 1, "failure": self.failure.to_json()}) + b"\n"
        known = self.serializer
        if isinstance(known, str):
            known = get_serializer(known)
        body = known.dumps(self.value)
        return body if known.name == CLOUDPICKLE.name else _success(known.name) + body

    @classmethod
    def deserialize(
        cls, data: bytes, *, unpickle: bool = True, typed: Serializer | None = None
    ) -> Outcome:
        """Read what was stored.

        Args:
            data: the stored bytes.
            unpickle: read pickles of any kind, which may run code; otherwise those of plain types.
            typed: reads JSON, in place of the serializers that know no annotations.

        Raises:
            SerializationError: the bytes cannot be read here.
        """
        if cls.is_failure(data):
            try:
                failure = json.loads(data.partition(b"\n")[0])["failure"]
                return cls(failure=JobFailure.from_json(failure))
            except (ValueError, KeyError, TypeError) as error:
                raise SerializationError(f"no result: {data[:40]!r}") from error
        name, body = _split(data)
        if name == CLOUDPICKLE.name and not unpickle:
            return cls(CLOUDPICKLE.loads_plain(body))
        known = typed if typed is not None and name in _JSON else get_serializer(name)
        return cls(known.loads(body), serializer=name)

    @staticmethod
    def json_of(data: bytes) -> bytes | None:
        """Return the JSON of a stored success; None for one that is written otherwise.

        Raises:
            SerializationError: the bytes are no success.
        """
        name, body = _split(data)
        return body if name in _JSON else None

    @staticmethod
    def serializer_of(data: bytes) -> str:
        """Return the name of the serializer that has written a stored success.

        Raises:
            SerializationError: the bytes are no success.
        """
        return _split(data)[0]

    @staticmethod
    def value_bytes(data: bytes) -> tuple[str, bytes]:
        """Return the serializer of a stored success, and the value's bytes.

        Raises:
            SerializationError: the bytes are no success.
        """
        serializer = Outcome.serializer_of(data)
        outcome, _ = split_trail(data)
        return serializer, outcome if data.startswith(_PICKLE) else outcome.partition(b"\n")[2]

    @staticmethod
    def is_failure(data: bytes) -> bool:
        """Whether stored bytes are a failure; reads no pickle."""
        return data.startswith(b'{"naq":1,"failure":')


def value_of(data: bytes | None) -> Any:
    """Return the value of a stored success; None if there is none.

    Raises:
        SerializationError: the bytes cannot be read here.
    """
    return None if data is None else Outcome.deserialize(data).value


@functools.lru_cache(maxsize=32)
def _success(serializer: str) -> bytes:
    """Return the first line of a success."""
    return _line({"naq": 1, "serializer": serializer}) + b"\n"


def _split(data: bytes) -> tuple[str, bytes]:
    """Return the serializer of a stored success, by its name, and the bytes of the value."""
    if data.startswith(_PICKLE):
        return CLOUDPICKLE.name, data
    line, _, body = split_trail(data)[0].partition(b"\n")
    try:
        return _serializer_in(line), body
    except (ValueError, KeyError, TypeError) as error:
        raise SerializationError(f"no result: {data[:40]!r}") from error


@functools.lru_cache(maxsize=32)
def _serializer_in(line: bytes) -> str:
    return str(json.loads(line)["serializer"])


def _line(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _cut(text: str, length: int = _LONGEST) -> str:
    if len(text) <= length:
        return text
    half, left = length // 2, len(text) - length
    return f"{text[:half]}\n... {left} characters left out ...\n{text[-half:]}" if half else ""
