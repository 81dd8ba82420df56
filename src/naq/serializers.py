"""Serializers: turn a call and its result into bytes.

Three serializers come with naq. ``cloudpickle``, the default for plain functions, takes nearly every
Python value; a client that can write to the server can run code in a worker that reads it. ``json``
takes JSON's types, holds no pickle anywhere, and is readable from other languages. ``typed``, the
default for tasks, is JSON that is written and read by the annotations of the task. A worker only reads
the serializers that are registered in its process.
"""

from __future__ import annotations

import io
import json
import pickle
from typing import Any, Final, Protocol, runtime_checkable

import cloudpickle

from naq.exceptions import SerializationError


@runtime_checkable
class Serializer(Protocol):
    """The interface of a serializer. ``name`` is stored beside the bytes."""

    name: str

    def dumps(self, value: Any) -> bytes:
        """Return the bytes of a value.

        Raises:
            SerializationError: the value cannot be written.
        """
        ...

    def loads(self, data: bytes) -> Any:
        """Return the value of the bytes.

        Raises:
            SerializationError: the bytes cannot be read.
        """
        ...


_PLAIN = frozenset({type(None), bool, int, float, str, bytes})
"""Types that need none of cloudpickle's care, and are written ten times as fast without it."""

_FEW = 32


def _is_plain(value: Any) -> bool:
    """Whether the value is small, and holds nothing that could come from ``__main__``."""
    parts = [value]
    for part in parts:
        kind = type(part)
        if kind in _PLAIN:
            continue
        if kind not in (tuple, list, dict) or len(parts) + 2 * len(part) > _FEW:
            return False
        parts.extend(part)
        if kind is dict:
            parts.extend(part.values())
    return True


class CloudpickleSerializer:
    """Pickle, with lambdas and whatever ``__main__`` defines written by value (cloudpickle)."""

    name = "cloudpickle"

    def dumps(self, value: Any) -> bytes:
        """Return the pickled value.

        Raises:
            SerializationError: the value cannot be pickled.
        """
        try:
            if _is_plain(value):
                return pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
            data: bytes = cloudpickle.dumps(value)
        except Exception as error:
            raise SerializationError(
                f"cannot pickle a {type(value).__name__}: {_describe(error)}"
            ) from error
        return data

    def loads(self, data: bytes) -> Any:
        """Return the unpickled value.

        Raises:
            SerializationError: the bytes are no pickle, or need what cannot be imported here.
        """
        try:
            return pickle.loads(data)
        except Exception as error:
            raise SerializationError(f"cannot unpickle: {_describe(error)}") from error

    def loads_plain(self, data: bytes) -> Any:
        """Return the unpickled value if that runs no code but Python's own plain types.

        Raises:
            SerializationError: the bytes are no pickle, or one that names a function or a class.
        """
        try:
            return _PlainUnpickler(io.BytesIO(data)).load()
        except SerializationError:
            raise
        except Exception as error:
            raise SerializationError(f"cannot unpickle: {_describe(error)}") from error


_HARMLESS: Final = {
    "builtins": frozenset(["bytearray", "complex", "frozenset", "range", "set", "slice"]),
    "collections": frozenset({"OrderedDict", "deque"}),
    "datetime": frozenset(["date", "datetime", "time", "timedelta", "timezone"]),
    "decimal": frozenset({"Decimal"}),
    "fractions": frozenset({"Fraction"}),
    "uuid": frozenset({"UUID"}),
}
"""Classes whose making does nothing but make them."""


class _PlainUnpickler(pickle.Unpickler):
    """Reads values of plain types; whatever else a pickle may name is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if name in _HARMLESS.get(module, ()):
            return super().find_class(module, name)
        raise SerializationError(
            f"it is a pickle that names {module}:{name}, and reading it may run code: give "
            "unpickle=True (--unpickle in the command line) where you trust all who can write "
            "to the server"
        )


class JsonSerializer:
    """JSON in UTF-8. Tuples come back as lists; keys must be strings; NaN is refused."""

    name = "json"

    def dumps(self, value: Any) -> bytes:
        """Return the value as one line of JSON.

        Raises:
            SerializationError: JSON has no such value.
        """
        try:
            _refuse_other_keys(value)
            text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
            return text.encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise SerializationError(
                f"cannot write a {type(value).__name__} as JSON: {_describe(error)}"
            ) from error

    def loads(self, data: bytes) -> Any:
        """Return the value of the JSON text.

        Raises:
            SerializationError: the bytes are not JSON.
        """
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise SerializationError(f"cannot read JSON: {_describe(error)}") from error


def _refuse_other_keys(value: Any) -> None:
    """Refuse a key that is no string: ``json`` would turn it into one without a word."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise TypeError(f"the key {key!r} is not a string")
            _refuse_other_keys(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _refuse_other_keys(inner)


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


class TypedSerializer(JsonSerializer):
    """The JSON of tasks, without the annotations: a date is read as the text that it is."""

    name = "typed"


CLOUDPICKLE = CloudpickleSerializer()
JSON = JsonSerializer()
TYPED = TypedSerializer()

_registered: dict[str, Serializer] = {each.name: each for each in (CLOUDPICKLE, JSON, TYPED)}


def register_serializer(serializer: Serializer) -> None:
    """Make a serializer of one's own known in this process, under its name.

    Clients and workers both need it.

    Raises:
        SerializationError: the object lacks ``name``, ``dumps`` or ``loads``, or the name is
            not one word.
    """
    if not isinstance(serializer, Serializer):
        raise SerializationError(
            f"{type(serializer).__name__} is no serializer: it needs name, dumps and loads"
        )
    if not serializer.name.isidentifier():
        raise SerializationError(f"a serializer's name is one word, not {serializer.name!r}")
    _registered[serializer.name] = serializer


def registered_names() -> frozenset[str]:
    """Return the names of the serializers that this process knows."""
    return frozenset(_registered)


def get_serializer(name: str) -> Serializer:
    """Return the registered serializer of a name.

    Raises:
        SerializationError: none has that name.
    """
    try:
        return _registered[name]
    except KeyError:
        known = ", ".join(sorted(_registered))
        raise SerializationError(
            f"no serializer {name!r} is registered here (known: {known})"
        ) from None
