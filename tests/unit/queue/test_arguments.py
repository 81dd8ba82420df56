"""Arguments as text: bounded, and read without running any code."""

from __future__ import annotations

import pickle
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naq.exceptions import SerializationError
from naq.models import Job
from naq.models.arguments import shown_arguments, shown_value, text_of

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
    max_leaves=8,
)


@given(st.lists(PLAIN, max_size=4))
def test_plain_arguments_are_shown(args: list[Any]) -> None:
    shown = shown_arguments(Job("app:f", args))
    assert (len(shown.args), shown.hidden) == (len(args), "")


@given(st.binary(max_size=200))
def test_any_bytes_are_shown_or_refused(data: bytes) -> None:
    for serializer in ("cloudpickle", "json"):
        with suppress(SerializationError):
            assert isinstance(shown_value(serializer, data), str)


@pytest.mark.parametrize(
    "value",
    [datetime(2026, 1, 2, tzinfo=UTC), Decimal("1.50"), UUID(int=5), {1, 2}, frozenset({3})],
    ids=repr,
)
def test_values_of_common_types_are_shown(value: Any) -> None:
    assert shown_arguments(Job("app:f", [value])).args == (repr(value),)


@pytest.mark.parametrize("value", [print, Fraction(1, 3), ValueError("x")], ids=repr)
def test_a_pickle_that_names_anything_else_is_refused(value: Any) -> None:
    assert "which may run code" in shown_arguments(Job("app:f", [value])).hidden


def test_a_few_bytes_that_name_an_endless_value_have_a_short_text() -> None:
    value: Any = "x"
    for _ in range(40):
        value = [value, value]
    assert len(shown_value("cloudpickle", pickle.dumps(value))) < 100_000


def test_a_long_text_is_cut() -> None:
    assert len(text_of("x" * 1_000_000)) <= 2000
    assert len(text_of(b"x" * 1_000_000)) <= 10_003
    assert len(text_of(["y" * 1000] * 1000)) <= 10_003


def test_an_integer_of_too_many_digits_is_named() -> None:
    assert text_of(10**5000) == "<int>"


def test_arguments_are_written_as_a_call_has_them() -> None:
    assert str(shown_arguments(Job("app:f", [1, "a"], {"to": None}))) == "1, 'a', to=None"
