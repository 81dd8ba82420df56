"""The values that serializers write, read and refuse."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naq.exceptions import SerializationError
from naq.serializers import CLOUDPICKLE, JSON, get_serializer, register_serializer

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=20,
)


@given(json_values)
def test_json_gives_back_every_json_value(value: object) -> None:
    assert JSON.loads(JSON.dumps(value)) == value


@given(json_values)
def test_json_never_holds_a_line_break(value: object) -> None:
    assert b"\n" not in JSON.dumps(value)


@pytest.mark.parametrize(
    "value",
    [object(), {1: "a"}, {"deep": [{2: 3}]}, math.nan, math.inf, b"bytes", {1, 2}, "\ud800"],
    ids=lambda value: type(value).__name__,
)
def test_json_refuses_what_it_would_have_to_change(value: object) -> None:
    with pytest.raises(SerializationError, match="as JSON"):
        JSON.dumps(value)


def test_json_never_unpickles() -> None:
    with pytest.raises(SerializationError, match="cannot read JSON"):
        JSON.loads(CLOUDPICKLE.dumps([1]))


def test_cloudpickle_takes_a_lambda() -> None:
    add = CLOUDPICKLE.loads(CLOUDPICKLE.dumps(lambda a: a + 1))
    assert add(1) == 2


def test_cloudpickle_names_the_value_it_cannot_write() -> None:
    with pytest.raises(SerializationError, match="cannot pickle a generator"):
        CLOUDPICKLE.dumps(iter_ := (i for i in []))
    assert list(iter_) == []


class _Explodes:
    def __reduce__(self) -> tuple[object, ...]:
        return _explode, ()


def _explode() -> None:
    raise RuntimeError("bang")


def test_a_value_that_explodes_while_it_is_read_is_a_serialization_error() -> None:
    with pytest.raises(SerializationError, match="RuntimeError: bang"):
        CLOUDPICKLE.loads(CLOUDPICKLE.dumps(_Explodes()))


def test_an_unknown_serializer_is_named_with_the_known_ones() -> None:
    with pytest.raises(SerializationError, match=r"no serializer 'yaml'.*cloudpickle, json"):
        get_serializer("yaml")


class _Upper:
    name = "upper"

    def dumps(self, value: object) -> bytes:
        return JSON.dumps(value).upper()

    def loads(self, data: bytes) -> object:
        return JSON.loads(data.lower())


def test_a_serializer_of_ones_own_is_found_by_its_name() -> None:
    mine = _Upper()
    register_serializer(mine)
    assert get_serializer("upper") is mine


def test_what_lacks_a_method_is_no_serializer() -> None:
    with pytest.raises(SerializationError, match="it needs name, dumps and loads"):
        register_serializer(object())  # type: ignore[arg-type]
