"""Whether a value comes back from JSON as it was."""

from __future__ import annotations

import dataclasses
import reprlib
from datetime import UTC, datetime
from typing import Any

_repr = reprlib.Repr()
_repr.maxother = _repr.maxstring = 60
_shown = _repr.repr


def find_change(before: Any, after: Any) -> str | None:
    """Describe the first difference that a way through JSON makes; None if there is none.

    A list may come back for a tuple, and a float for an int: its annotation says so.

    Args:
        before: the value as it was given.
        after: the value as it is read.
    """
    if _are_equal(before, after):
        return None
    parts = _parts(before, after)
    if parts is None:
        if isinstance(before, float) and after is None:
            return f"JSON has no {before}"
        return f"{_shown(before)} would arrive as {_shown(after)}: annotate it"
    return next(filter(None, (find_change(*pair) for pair in parts)), None)


def _are_equal(before: Any, after: Any) -> bool:
    if type(before) is type(after) and _has_no_equality(type(before)):
        return True
    if isinstance(before, datetime) and isinstance(after, datetime) and before.tzinfo:
        # Python finds datetimes of two zones unequal in the hour that a clock goes back.
        return after.tzinfo is not None and before.astimezone(UTC) == after.astimezone(UTC)
    return bool(before == after) or bool(before != before and after != after)


def _has_no_equality(kind: type[Any]) -> bool:
    return next(each for each in kind.__mro__ if "__eq__" in vars(each)) is object


def _parts(before: Any, after: Any) -> list[tuple[Any, Any]] | None:
    """Return what two unequal values are made of, in pairs; None if they are of different kinds."""
    if isinstance(before, list | tuple) and isinstance(after, list | tuple):
        return list(zip(before, after, strict=True)) if len(before) == len(after) else None
    if isinstance(before, dict) and isinstance(after, dict):
        if before.keys() != after.keys():
            return None
        return [(before[key], after[key]) for key in before]
    if type(before) is type(after) and (names := _fields(before)):
        return [(getattr(before, name), getattr(after, name)) for name in names]
    return None


def _fields(value: Any) -> list[str]:
    """Return the names of the fields of a dataclass, a struct, or a class of pydantic or attrs."""
    if dataclasses.is_dataclass(value):
        return [field.name for field in dataclasses.fields(value)]
    for names in ("__struct_fields__", "__pydantic_fields__"):
        if hasattr(type(value), names):
            return list(getattr(type(value), names))
    return [field.name for field in getattr(type(value), "__attrs_attrs__", ())]
