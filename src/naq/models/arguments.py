"""The arguments and the result of a job as text for people, read without running any code.

A pickle may run code when it is read, so only one of plain values is. Its text is cut by depth, by
length and by width: a few bytes of pickle can name a value whose whole text fills a machine.
"""

from __future__ import annotations

import io
import pickle
import reprlib
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from naq.exceptions import SerializationError
from naq.models.job import Job
from naq.serializers import CLOUDPICKLE

_PICKLE: Final = b"\x80"

_VALUES: Final = {
    "builtins": frozenset({"complex", "frozenset", "set"}),
    "collections": frozenset({"OrderedDict"}),
    "datetime": frozenset({"date", "datetime", "time", "timedelta", "timezone"}),
    "decimal": frozenset({"Decimal"}),
    "uuid": frozenset({"UUID"}),
}
"""Classes whose values take no more memory than their pickle."""


class _ValueUnpickler(pickle.Unpickler):
    """Reads values only; a pickle that names anything else is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if name in _VALUES.get(module, ()):
            return super().find_class(module, name)
        raise SerializationError(f"a pickle that names {module}:{name}, which may run code")


class _Text(reprlib.Repr):
    """Writes values as text of a bounded length."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 6
        self.maxtuple = self.maxlist = self.maxdict = self.maxset = self.maxfrozenset = 50
        self.maxstring = self.maxlong = self.maxother = 2000

    def repr_OrderedDict(self, value: dict[Any, Any], level: int) -> str:  # noqa: N802
        return self.repr_dict(value, level)

    def repr_bytes(self, value: bytes, level: int) -> str:
        return self.repr_str(repr(value[: self.maxstring]), level) if level else "..."


_text = _Text()
_LONGEST: Final = 10_000
"""Characters of one value."""


@dataclass(frozen=True, slots=True)
class ShownArguments:
    """The arguments of a job as text.

    Args:
        args: the positional ones.
        kwargs: the named ones.
        hidden: why they are not shown; "" if they are.
    """

    args: tuple[str, ...] = ()
    kwargs: dict[str, str] = field(default_factory=dict)
    hidden: str = ""

    def __str__(self) -> str:
        """Return them as a call has them, or why they are not shown."""
        if self.hidden:
            return f"({self.hidden})"
        return ", ".join((*self.args, *(f"{name}={text}" for name, text in self.kwargs.items())))


def shown_arguments(job: Job | None, omitted: int = 0) -> ShownArguments:
    """Return the arguments of a job as text.

    Args:
        job: the job; None if it is not kept.
        omitted: their bytes, where they are too many to be kept.
    """
    if job is None:
        return ShownArguments(hidden="the job is not kept")
    if not job.keep_arguments:
        return ShownArguments(hidden="the job keeps them to itself")
    if omitted:
        return ShownArguments(hidden=f"{omitted} bytes, too many to be kept")
    try:
        _, _, body = job.serialize().partition(b"\n")
        args, kwargs, *_ = _read(job.serializer, body)
        return ShownArguments(
            tuple(map(text_of, args)), {str(n): text_of(v) for n, v in kwargs.items()}
        )
    except SerializationError as error:
        return ShownArguments(hidden=str(error))
    except (TypeError, ValueError, AttributeError):
        return ShownArguments(hidden="malformed")


def shown_value(serializer: str, data: bytes) -> str:
    """Return a serialized value as text.

    Args:
        serializer: name of the serializer that has written it.
        data: its bytes.

    Raises:
        SerializationError: it cannot be read without running code.
    """
    return text_of(_read(serializer, data))


def text_of(value: Any) -> str:
    """Return a plain value as text of a bounded length."""
    try:
        text = _text.repr(value)
    except ValueError:  # an integer of more digits than Python writes
        text = f"<{type(value).__name__}>"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _read(serializer: str, data: bytes) -> Any:
    if serializer == CLOUDPICKLE.name:
        try:
            return _ValueUnpickler(io.BytesIO(data)).load()
        except SerializationError:
            raise
        except Exception as error:
            raise SerializationError(
                f"no pickle that can be read here: {type(error).__name__}"
            ) from error
    try:
        return orjson.loads(data)
    except ValueError as error:
        raise SerializationError(f"{len(data)} bytes of the serializer {serializer}") from error
