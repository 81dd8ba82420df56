"""JSON by annotations: the serializers of a task's arguments and of its result.

msgspec writes and reads it: dates, UUIDs, Decimals, enums, dataclasses and more. A pydantic model
goes through pydantic. What comes back has to be what was given, so a value that a worker, or a
reader of the result, would get otherwise is an error where it was made.

On the wire the arguments are ``[[], {"name": value}]``, as the json serializer writes them, so any
program can write the arguments of a task.
"""

from __future__ import annotations

import copy
import inspect
import math
import re
import typing
from collections.abc import Callable, Iterable, Mapping
from inspect import Parameter
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from naq.exceptions import ArgumentError, JobError, SerializationError
from naq.models.survival import find_change
from naq.serializers import TYPED

Arguments = tuple[tuple[Any, ...], dict[str, Any]]

_START: Final = b"[[],"
_BY_NAME: Final = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
_PLACED: Final = re.compile(r"(?P<text>.*) - at `(?:key in )?\$\.?(?P<place>.*?)`", re.DOTALL)
_UNFIT: Final = (msgspec.MsgspecError, TypeError, ValueError, RecursionError)

_read_parts = msgspec.json.Decoder(tuple[list[Raw], dict[str, Raw]]).decode
_read_names = msgspec.json.Decoder(dict[str, Raw]).decode
_read_list = msgspec.json.Decoder(list[Raw]).decode


def _is_model(cls: Any) -> bool:
    return hasattr(cls, "__pydantic_validator__") and hasattr(cls, "model_validate_json")


def _write_other(value: Any) -> Any:
    if _is_model(type(value)):
        return value.model_dump(mode="json", by_alias=True, round_trip=True)
    raise TypeError(f"JSON has no form for a {type(value).__qualname__}")


def _read_other(expected: Any, value: Any) -> Any:
    # Text, since a strict model takes a string for a date only there.
    return expected.model_validate_json(_write(value)) if _is_model(expected) else value


_write = msgspec.json.Encoder(enc_hook=_write_other).encode


def json_of(value: Any) -> bytes:
    """Return the JSON of a value, whatever its annotation.

    Raises:
        SerializationError: JSON has no form for it.
    """
    try:
        return _write(value)
    except _UNFIT as error:
        raise SerializationError(
            f"cannot write a {type(value).__name__} as JSON: {error}"
        ) from error


def _reader(annotation: Any) -> Callable[[bytes], Any]:
    read: Callable[[bytes], Any] = msgspec.json.Decoder(annotation, dec_hook=_read_other).decode
    return read


class TypedResult:
    """The serializer of a task's result.

    Args:
        task: the task's name, for messages.
        annotation: the type of the result.
    """

    name = TYPED.name

    def __init__(self, task: str, annotation: Any) -> None:
        self._task = task
        self._read = _reader(annotation)

    def dumps(self, value: Any) -> bytes:
        """Return the JSON of a result.

        Raises:
            SerializationError: it does not fit its annotation, or JSON has no such value.
        """
        try:
            data = _write(value)
            arrived = self._read(data)
        except _UNFIT as error:
            raise self._error(_reason(error)) from error
        if arrived != value and (change := find_change(value, arrived)):
            raise self._error(f": {change}")
        return data

    def loads(self, data: bytes) -> Any:
        """Return the result.

        Raises:
            SerializationError: it does not fit its annotation.
        """
        try:
            return self._read(data)
        except _UNFIT as error:
            raise self._error(_reason(error)) from error

    def _error(self, reason: str) -> SerializationError:
        return SerializationError(f"{self._task}: the result{reason}")


class TypedCall:
    """The serializer of a task's arguments.

    Args:
        task: the task's name, for messages.
        signature: of the function.
        types: of its parameters, by their names; see ``types_of``.
    """

    name = TYPED.name

    def __init__(self, task: str, signature: inspect.Signature, types: Mapping[str, Any]) -> None:
        self._task = task
        self._signature = signature
        parameters = signature.parameters.values()
        self._before = 0
        self._more = next((e.name for e in parameters if e.kind is Parameter.VAR_POSITIONAL), "")
        # All may be missing: others come as results of other jobs, or with `*args`.
        self._loose = _struct((each.name, types[each.name], True) for each in parameters)
        self._read_loose = _reader(self._loose)
        # A struct binds ten times as fast as a signature does.
        self._strict: type[msgspec.Struct] | None = None
        if all(each.kind in _BY_NAME for each in parameters):
            fields = [(e.name, types[e.name], e.default is not e.empty) for e in parameters]
            places = sum(each.kind is Parameter.POSITIONAL_OR_KEYWORD for each in parameters)
            self._strict = _struct(fields[:places], fields[places:])
            self._read_strict = _reader(self._strict)

    def after(self, before: int) -> TypedCall:
        """Return the serializer of arguments that so many others will come before."""
        other = copy.copy(self)
        other._before = before
        return other

    def dumps(self, parts: Arguments) -> bytes:
        """Return the JSON of a call's arguments.

        Raises:
            ArgumentError: they do not fit the function's parameters; the message names the one.
        """
        args, kwargs = parts
        if self._before or self._strict is None:
            given, read = self._bind(args, kwargs), self._read_loose
        else:
            read = self._read_strict
            try:
                given = self._strict(*args, **kwargs)
            except TypeError as error:
                raise ArgumentError(f"{self._task}: {_lower(str(error))}") from None
        try:
            data = _write(given)
            arrived = read(data)
            if arrived != given:
                self._compare(given, arrived)
        except ArgumentError:
            raise
        except _UNFIT as error:
            raise ArgumentError(f"{self._task}: {_argument(error, given)}") from error
        return b"%b%b]" % (_START, data)

    def loads(self, data: bytes) -> Arguments:
        """Return the arguments of a call.

        Raises:
            SerializationError: they do not fit the function's parameters; the message names the one.
        """
        return self.read(data)

    def read(self, data: bytes, before: Iterable[bytes] = ()) -> Arguments:
        """Return the arguments of a call.

        Args:
            data: JSON of the arguments.
            before: the JSON of each positional argument that comes before them.

        Raises:
            SerializationError: they do not fit the function's parameters; the message names the one.
        """
        try:
            by_name = data.startswith(_START)
            if by_name and not before and self._strict is not None:
                return (), _given(self._read_strict(data[len(_START) : -1]))
            first = tuple(map(Raw, before))
            if by_name:
                named = self._after(first, _read_names(data[len(_START) : -1]))
            else:
                args, kwargs = _read_parts(data)
                named = self._signature.bind(*first, *args, **kwargs).arguments
            given = _given(self._read_loose(_write(named)))
        except _UNFIT as error:
            raise SerializationError(f"{self._task}: {_argument(error)}") from error
        # Complete, since `bind` has seen all of them, here or where they were written.
        bound = inspect.BoundArguments(self._signature, given)
        return bound.args, bound.kwargs

    def _bind(self, args: Iterable[Any], kwargs: Mapping[str, Any]) -> msgspec.Struct:
        first = (UNSET,) * self._before
        try:
            bound = self._signature.bind(*first, *args, **kwargs).arguments
        except TypeError as error:
            raise ArgumentError(f"{self._task}: {error}") from None
        if first and self._more in bound:
            own = [each for each in bound[self._more] if each is not UNSET]
            bound[self._more] = tuple(own)
        return self._loose(**bound)

    def _after(self, first: tuple[Raw, ...], named: dict[str, Raw]) -> dict[str, Any]:
        """Put positional arguments before those that have names."""
        if not first:
            return named
        leading = self._signature.bind_partial(*first).arguments
        if self._more in leading and self._more in named:
            leading[self._more] += tuple(_read_list(named[self._more]))
        return {**named, **leading}

    def _compare(self, given: msgspec.Struct, arrived: msgspec.Struct) -> None:
        for name in given.__struct_fields__:
            change = find_change(getattr(given, name), getattr(arrived, name))
            if change:
                raise ArgumentError(f"{self._task}: argument {name}: {change}")


def _struct(
    fields: Iterable[tuple[str, Any, bool]], by_keyword: Iterable[tuple[str, Any, bool]] = ()
) -> type[msgspec.Struct]:
    """Return a struct of fields, each with its name, type, and whether it may be missing."""
    base = msgspec.defstruct("Arguments", map(_field, fields), forbid_unknown_fields=True)
    if not by_keyword:
        return base
    return msgspec.defstruct("Arguments", map(_field, by_keyword), bases=(base,), kw_only=True)


def _field(field: tuple[str, Any, bool]) -> Any:
    name, kind, may_be_missing = field
    return (name, typing.Union[kind, UnsetType], UNSET) if may_be_missing else (name, kind)  # noqa: UP007 - no `|` on forms such as Literal


def types_of(signature: inspect.Signature, annotations: Mapping[str, Any]) -> dict[str, Any]:
    """Return the types in which parameters are written, by their names.

    Args:
        signature: of the function.
        annotations: of its parameters, by their names; one that is missing is `Any`.
    """
    parameters = signature.parameters.values()
    return {each.name: _type_of(each.kind, annotations.get(each.name, Any)) for each in parameters}


def _type_of(kind: Any, annotation: Any) -> Any:
    if kind is Parameter.VAR_POSITIONAL:
        return tuple.__class_getitem__((annotation, ...))
    if kind is not Parameter.VAR_KEYWORD:
        return annotation
    if typing.get_origin(annotation) is typing.Unpack:
        return typing.get_args(annotation)[0]
    return dict.__class_getitem__((str, annotation))


def _given(struct: msgspec.Struct) -> dict[str, Any]:
    fields = msgspec.structs.asdict(struct)
    if UNSET in fields.values():
        return {name: value for name, value in fields.items() if value is not UNSET}
    return fields


def _argument(error: Exception, given: msgspec.Struct | None = None) -> str:
    """Describe an argument that does not fit."""
    for name, value in (_given(given) if given is not None else {}).items():
        if isinstance(value, float) and not math.isfinite(value):
            return f"argument {name}: JSON has no {value}"
        try:
            _write(value)
        except _UNFIT as own:
            return f"argument {name}{_reason(own)}"
    reason = _reason(error)
    return f"argument{reason}" if reason.startswith(" ") else reason.removeprefix(": ")


def _reason(error: Exception) -> str:
    """Describe an error of msgspec: where, and what is wrong."""
    text = " ".join(str(error).split())
    placed = _PLACED.fullmatch(text)
    where = f" {placed['place']}" if placed is not None and placed["place"] else ""
    text = (text if placed is None else placed["text"]).replace("`", "")
    return f"{where}: {_lower(text)}"


def _lower(text: str) -> str:
    """Return the text as the rest of a sentence; a word in capitals stays."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def check_supported(task: str, types: Mapping[str, Any]) -> None:
    """Refuse types that JSON by annotations cannot carry.

    Args:
        task: the task's name.
        types: annotations by what they are of, such as "parameter to".

    Raises:
        JobError: there is one; the message names what it is of, and the type.
    """
    for of, annotation in types.items():
        if of.startswith("parameter __"):
            raise JobError(f"task {task}: {of}: a name that begins with __ is Python's own")
        try:
            unknown = _unknown_in(msgspec.inspect.type_info(annotation))
            reason = "" if unknown is None else f"JSON has no form for {_shown(unknown)}"
        except (TypeError, ValueError, NotImplementedError) as error:
            reason = _reason(error).removeprefix(": ")
        if reason:
            raise JobError(
                f"task {task}: {of}: {reason}: take a type that JSON by annotations can carry, "
                "such as a dataclass, or give the task serializer='cloudpickle'"
            )


def _unknown_in(info: Any, seen: set[int] | None = None) -> Any:
    """Return the first class in a type that neither msgspec nor pydantic knows."""
    seen = set() if seen is None else seen
    if id(info) in seen:
        return None
    seen.add(id(info))
    if isinstance(info, msgspec.inspect.CustomType):
        return None if info.cls is object or _is_model(info.cls) else info.cls
    if isinstance(info, tuple):
        parts: Iterable[Any] = info
    elif isinstance(info, msgspec.inspect.Type | msgspec.inspect.Field):
        parts = (getattr(info, name) for name in info.__struct_fields__)
    else:
        return None
    return next(filter(None, (_unknown_in(part, seen) for part in parts)), None)


def _shown(cls: Any) -> str:
    return f"{cls.__module__}.{cls.__qualname__}".removeprefix("builtins.")
