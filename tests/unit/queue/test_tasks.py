"""Tasks: their settings, and the JSON of their arguments and results."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime as dt
import enum
import functools
import inspect
import math
import pickle
import subprocess
import sys
import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypedDict, TypeVar, Unpack
from zoneinfo import ZoneInfo

import msgspec
import pydantic
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import naq
import naq.sync
from naq.exceptions import ArgumentError, JobError, SerializationError
from naq.models.definition import Definition
from naq.models.job import Job
from naq.models.settings import OF_A_JOB, OF_A_TASK
from naq.serializers import get_serializer

if TYPE_CHECKING:
    from tomorrow import Later  # type: ignore[import-not-found]

T = TypeVar("T")


class Colour(enum.Enum):
    RED = "red"


class Point(NamedTuple):
    x: int
    y: int


class Options(TypedDict, total=False):
    size: int


@dataclasses.dataclass
class Order:
    number: int
    items: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Express(Order):
    fee: int = 0


@dataclasses.dataclass(eq=False)
class Plain:
    name: str


class User(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True)
    name: str
    since: dt.date
    friends: list[User] = []


class Node(msgspec.Struct):
    next: Node | None = None


def through(task: Definition, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """The arguments as the function gets them."""
    job = Job.deserialize(task.make_job(args, kwargs, {}).serialize())
    call = task.prepare(job)
    return inspect.signature(task.function).bind(*call.args, **call.kwargs).arguments


def result(task: Definition, value: Any) -> Any:
    _, codec = task.codec
    return codec.loads(codec.dumps(value))


@naq.task
def everything(
    day: dt.date,
    moment: dt.datetime,
    span: dt.timedelta,
    key: uuid.UUID,
    price: Decimal,
    colour: Colour,
    order: Order,
    user: User,
    data: bytes,
    point: Point,
    options: Options,
    kind: Literal["a", "b"] = "a",
    node: Node | None = None,
    numbers: frozenset[int] = frozenset(),
) -> dict[str, User]:
    return {}


ALL: dict[str, Any] = {
    "day": dt.date(2026, 2, 3),
    "moment": dt.datetime(2026, 2, 3, 4, 5, 6, 7, tzinfo=dt.UTC),
    "span": dt.timedelta(days=1, microseconds=5),
    "key": uuid.UUID(int=7),
    "price": Decimal("1.10"),
    "colour": Colour.RED,
    "order": Order(1, ["x"]),
    "user": User(name="Ann", since=dt.date(2020, 1, 1), friends=[]),
    "data": b"\x00\xff",
    "point": Point(1, 2),
    "options": {"size": 3},
    "kind": "b",
    "node": Node(Node()),
    "numbers": frozenset({1, 2}),
}


def test_arguments_arrive_as_the_values_that_they_are() -> None:
    assert through(everything, **ALL) == ALL


def test_a_result_arrives_as_the_value_that_it_is() -> None:
    value = {"a": ALL["user"]}
    assert result(everything, value) == value


def test_a_job_of_a_task_is_json_that_any_program_can_read_and_write() -> None:
    job = multiply.job(2, by=3)
    assert (job.serializer, job.body) == ("typed", b'[[],{"number":2,"by":3}]')
    assert get_serializer("typed").loads(job.body) == [[], {"number": 2, "by": 3}]
    written = Job(multiply.name, (2,), {"by": 3}, serializer="json")
    assert multiply.prepare(Job.deserialize(written.serialize())).args == (2, 3)


@naq.task(queue="sums", retries=2)
def multiply(number: int, by: float = 1) -> float:
    return number * by


@naq.task
async def anything(value: Any, *, other: object = None, third=None) -> Any:  # type: ignore[no-untyped-def]
    return value


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(
        st.characters(exclude_categories=["Cs"]), max_size=3), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(JSON_VALUES)
def test_without_an_annotation_every_value_of_json_arrives(value: Any) -> None:
    assert through(anything, value, third=value) == {"value": value, "third": value}


@pytest.mark.parametrize(
    "value",
    [
        dt.date(2026, 1, 1),
        Decimal(1),
        {1: "a"},
        {"a": {1, 2}},
        b"x",
        Colour.RED,
        Order(1),
        [math.nan],
        math.inf,
        pytest.param(object(), id="object"),
    ],
    ids=repr,
)
def test_a_value_that_would_arrive_as_another_one_is_refused(value: Any) -> None:
    for place in ("value", "other", "third"):
        arguments = {"value": None} | {place: value}
        with pytest.raises(ArgumentError, match=f"anything: argument {place}: "):
            anything.job(**arguments)


@given(st.integers())
def test_integers_of_any_size_arrive(number: int) -> None:
    assert through(multiply, number) == {"number": number}


ZONES = st.none() | st.sampled_from([dt.UTC, ZoneInfo("Europe/Berlin")])


@given(st.datetimes(dt.datetime(1971, 1, 1), timezones=ZONES))
@example(dt.datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")))
def test_a_datetime_keeps_its_instant_and_its_offset(moment: dt.datetime) -> None:
    arrived = through(late, moment)["when"]
    assert arrived.utcoffset() == moment.utcoffset()
    assert arrived.replace(tzinfo=None) == moment.replace(tzinfo=None, fold=0)
    with_others = through(nested_moments, [(moment, Meeting(moment))])
    assert with_others["moments"][0][1].at.utcoffset() == moment.utcoffset()


class Meeting(msgspec.Struct):
    at: dt.datetime


@naq.task
def nested_moments(moments: list[tuple[dt.datetime, Meeting]]) -> None: ...


@naq.task
def late(when: dt.datetime | None = None) -> None: ...


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((), {}, "multiply: missing required argument 'number'"),
        ((1, 2, 3), {}, "extra positional arguments"),
        ((1,), {"by": 2, "colour": 3}, "unexpected keyword argument 'colour'"),
        ((1,), {"number": 2}, "'number' given by name and position"),
        (("x",), {}, "multiply: argument number: expected int, got str"),
        ((1,), {"by": math.nan}, "argument by: JSON has no nan"),
        ((1.5,), {}, "argument number: expected int, got float"),
        ((object(),), {}, "argument number: JSON has no form for a object"),
    ],
)
def test_wrong_arguments_are_named(args: Any, kwargs: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message) as raised:
        multiply.make_job(args, kwargs, {})
    assert isinstance(raised.value, TypeError)
    assert isinstance(raised.value, JobError)


@naq.task
def nested(orders: list[Order]) -> list[Order]:
    return orders


def test_the_message_names_the_place_inside_an_argument() -> None:
    with pytest.raises(ArgumentError, match=r"argument orders\[0\]\.items\[0\]: expected str"):
        nested.job([Order(1, [5])])  # type: ignore[list-item]
    with pytest.raises(SerializationError, match="nested: the result: expected array, got int"):
        nested.codec[1].dumps(5)


def test_a_subclass_that_would_lose_its_fields_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"Express\(.*\) would arrive as Order"):
        nested.job([Express(1, fee=5)])


def test_a_tuple_may_stand_for_a_list_and_a_class_without_equality_is_taken() -> None:
    assert through(lists, (1, 2), Plain("a"))["numbers"] == [1, 2]


@naq.task
def lists(numbers: Sequence[int], plain: Plain) -> None: ...


def test_constraints_of_an_annotation_are_checked() -> None:
    assert through(positive, 1) == {"number": 1}
    with pytest.raises(ArgumentError, match="argument number: expected int >= 1"):
        positive.job(0)


@naq.task
def positive(number: Annotated[int, msgspec.Meta(ge=1)]) -> None: ...


@naq.task
def all_kinds(a: int, /, b: dt.date, *rest: Decimal, c: int = 5, **others: dt.date) -> None: ...


def test_parameters_of_every_kind_get_their_arguments() -> None:
    day = dt.date(2026, 1, 1)
    assert through(all_kinds, 1, day, Decimal(2), c=3, a=day, z=day) == {
        "a": 1, "b": day, "rest": (Decimal(2),), "c": 3, "others": {"a": day, "z": day},
    }  # fmt: skip
    with pytest.raises(ArgumentError, match="all_kinds: missing a required argument: 'b'"):
        all_kinds.make_job((1,), {}, {})
    with pytest.raises(ArgumentError, match=r"argument others\[...\]: "):
        all_kinds.make_job((1, day), {"z": 5}, {})


@naq.task
def with_a_typed_dict(**options: Unpack[Options]) -> None: ...


def test_keywords_may_have_the_types_of_a_typed_dict() -> None:
    assert through(with_a_typed_dict, size=3) == {"options": {"size": 3}}
    with pytest.raises(ArgumentError, match=r"argument options\.size: expected int, got str"):
        with_a_typed_dict.make_job((), {"size": "x"}, {})


@pytest.mark.parametrize("depth", [500, 950, 3000])
def test_a_value_that_is_nested_too_deeply_is_an_argument_error(depth: int) -> None:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    with contextlib.suppress(ArgumentError):
        anything.job(value)


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def inner(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return inner


@naq.task
@logged
def decorated(day: dt.date, *, by: int = 1) -> int:
    return day.year + by


def test_a_decorated_function_has_the_types_of_the_function_inside() -> None:
    assert decorated(dt.date(2026, 1, 1), by=2) == 2028
    arrived = decorated.prepare(decorated.job(dt.date(2026, 1, 1), by=2))
    assert arrived.kwargs == {"day": dt.date(2026, 1, 1), "by": 2}


@naq.task
def mangled(__name: int = 1) -> None: ...


@naq.task
def named_like_settings(
    timeout: float, queue: str = "q", self: int = 0, delay: int = 1
) -> None: ...


def test_arguments_named_like_settings_are_arguments() -> None:
    job = named_like_settings.options(timeout=5, queue="other").job(timeout=1, queue="x", self=3)
    assert (job.timeout, job.queue) == (5, "other")
    assert through(named_like_settings, timeout=1, self=3) == {"timeout": 1, "self": 3}


def test_a_default_is_the_one_of_the_worker_s_code_and_is_not_sent() -> None:
    assert default.job().body == b"[[],{}]"
    assert through(default) == {}


@naq.task
def default(items: list[int] = [1], order: Order = Order(2)) -> None: ...  # noqa: B006, B008


@naq.task
def of_any_type(value: T, values: list[T]) -> T:
    return value


def test_a_type_variable_is_any_value_of_json() -> None:
    assert through(of_any_type, 1, ["a"]) == {"value": 1, "values": ["a"]}


class Connection:
    pass


@naq.task
def with_a_connection(connection: list[Connection | None]) -> None: ...


@naq.task
def gives_a_connection() -> Connection:
    return Connection()


@naq.task
def of_two_texts(when: dt.date | str) -> None: ...


@naq.task
def of_tomorrow(later: Later) -> None: ...


@naq.task
def of_a_path(path: Path, function: Callable[[], None]) -> None: ...


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (with_a_connection, "parameter connection: JSON has no form for .*Connection"),
        (gives_a_connection, "its result: JSON has no form for .*Connection"),
        (of_two_texts, "parameter when: type unions may not contain more than one str-like"),
        (of_tomorrow, "its annotations cannot be resolved: name 'Later' is not defined"),
        (mangled, "parameter __name: a name that begins with __"),
        (of_a_path, "parameter path: JSON has no form for pathlib[._a-z]*.Path"),
    ],
)
def test_an_annotation_that_json_cannot_carry_is_named(task: Definition, message: str) -> None:
    with pytest.raises(JobError, match=f"task .*:{task.__name__}: {message}"):
        task.check()
    with pytest.raises(JobError, match=message):
        task.make_job((1,), {}, {})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_retries": 3}, "there is no setting max_retries: do you mean retries"),
        ({"time_out": 3}, "there is no setting time_out: do you mean timeout"),
        ({"colour": 3}, "there is no setting colour: the settings are ignore_on, isolated"),
        ({"job_id": "a"}, "there is no setting job_id"),
        ({"retries": -1}, "retries must be a whole number, 0 or more"),
        ({"serializer": "yaml"}, "no serializer 'yaml' is registered"),
    ],
)
def test_a_wrong_setting_is_refused_where_the_task_is_defined(settings: Any, message: str) -> None:
    with pytest.raises((JobError, SerializationError), match=message):
        naq.task(**settings)(math.sqrt)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dely": 3}, "multiply: there is no setting dely: do you mean delay"),
        ({"countdown": 3}, "there is no setting countdown: do you mean delay"),
        ({"serializer": "json"}, "there is no setting serializer"),
    ],
)
def test_a_wrong_option_is_refused_at_once(settings: Any, message: str) -> None:
    with pytest.raises(JobError, match=message):
        multiply.options(**settings)


def test_an_option_for_another_verb_is_refused() -> None:
    with pytest.raises(JobError, match=r"delay is for enqueue\(\), not for job\(\)"):
        multiply.options(delay=3).job(1)
    with pytest.raises(JobError, match=r"cron is for schedule\(\), not for enqueue\(\)"):
        asyncio.run(multiply.options(cron="* * * * *").enqueue(1))
    with pytest.raises(JobError, match=r"at is for enqueue\(\), not for schedule\(\)"):
        asyncio.run(multiply.options(at=dt.datetime.now(dt.UTC), interval=3).schedule(1))


def test_options_come_before_the_settings_of_the_task_and_can_be_added_up() -> None:
    assert (multiply.job(1).queue, multiply.job(1).retries) == ("sums", 2)
    job = multiply.options(retries=5).options(job_id="a").job(1)
    assert (job.queue, job.retries, job.job_id) == ("sums", 5, "a")


def test_every_setting_of_a_job_is_an_option() -> None:
    of_a_job = set(inspect.signature(Job).parameters) - {"function", "args", "kwargs", "created_at"}
    assert of_a_job == OF_A_JOB | {"serializer"}
    assert of_a_job == OF_A_TASK | {"job_id", "depends_on"}


def test_a_task_is_called_as_the_function_that_it_is() -> None:
    assert multiply(3, by=2) == 6
    assert asyncio.run(anything(4)) == 4
    assert multiply.__name__ == "multiply"
    assert inspect.signature(multiply) == inspect.signature(multiply.function)
    assert pickle.loads(pickle.dumps(multiply)) is multiply


class Mailer:
    def send(self, to: str) -> None: ...

    @staticmethod
    @naq.task
    def clean(days: int) -> None: ...


def gives_many() -> Any:
    yield 1


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (Mailer.send, "send: a task is a function, and no method"),
        (multiply, "multiply is a task already"),
        (gives_many, "gives_many: a task returns one value, and this is a generator"),
        (Mailer, "Mailer: a task is a function"),
        (functools.partial(gives_many), "a task is a function"),
        (5, "5: a task is a function"),
    ],
)
def test_what_cannot_be_a_task_is_refused_where_it_is_defined(function: Any, message: str) -> None:
    with pytest.raises(JobError, match=message):
        naq.task(function)


def test_a_static_method_can_be_a_task() -> None:
    assert Job.deserialize(Mailer.clean.job(3).serialize()).function() is Mailer.clean


def test_a_function_that_no_worker_can_import_is_refused_when_it_is_enqueued() -> None:
    @naq.task
    def inside() -> None: ...

    with pytest.raises(SerializationError, match="inside cannot be imported by name"):
        inside.job()


first = multiply


def test_a_task_that_was_defined_again_is_refused() -> None:
    @naq.task
    def other() -> None: ...

    other.__qualname__ = "first"
    with pytest.raises(SerializationError, match="first cannot be imported by name"):
        other.job()


@naq.task(serializer="cloudpickle")
def pickled(path: Path, when: dt.date | str) -> Path:
    return path


def test_a_task_may_ask_for_pickle() -> None:
    job = pickled.job(Path("/x"), "now")
    assert job.serializer == "cloudpickle"
    assert through(pickled, Path("/x"), "now") == {"path": Path("/x"), "when": "now"}
    with pytest.raises(ArgumentError, match="pickled: missing a required argument: 'when'"):
        pickled.make_job((1,), {}, {})


class Shout:
    name = "shout"

    def dumps(self, value: Any) -> bytes:
        return repr(value).upper().encode()

    def loads(self, data: bytes) -> Any:
        return eval(data)


def test_a_serializer_of_one_s_own_is_registered_with_its_task() -> None:
    naq.task(serializer=Shout())(math.sqrt)
    assert get_serializer("shout").name == "shout"


def test_a_result_without_a_fitting_annotation_is_refused_where_it_was_made() -> None:
    assert result(multiply, 3) == 3
    with pytest.raises(SerializationError, match="multiply: the result: expected float, got null"):
        multiply.codec[1].dumps(None)
    with pytest.raises(SerializationError, match=r"the result: .* would arrive as '2026-01-01'"):
        anything.codec[1].dumps(dt.date(2026, 1, 1))


def test_results_of_parents_come_first_and_by_the_annotations_of_the_child() -> None:
    stored = b'{"naq":1,"serializer":"typed"}\n"2026-01-01"'
    job = all_kinds.options(depends_on="p", pass_results=True).job(dt.date(2026, 1, 2), c=1)  # type: ignore[call-arg,arg-type]
    call = all_kinds.prepare(
        Job.deserialize(job.serialize()), [b'{"naq":1,"serializer":"json"}\n7']
    )
    assert (call.args, call.kwargs) == ((7, dt.date(2026, 1, 2)), {"c": 1})
    with pytest.raises(SerializationError, match="all_kinds: argument a: expected int, got str"):
        all_kinds.prepare(job, [stored])
    late_job = late.options(depends_on="p", pass_results=True).job()
    for parent, value in ((stored, dt.datetime(2026, 1, 1)), (None, None)):
        if value is None:
            assert late.prepare(late_job, [parent]).args == (value,)


def test_naq_sync_makes_a_view_of_a_task_without_await() -> None:
    view = naq.sync.task(multiply)
    assert view.job(3).body == multiply.job(3).body
    assert not inspect.iscoroutinefunction(view.enqueue)
    assert view(2, 3) == 6


PROGRAM = """
import asyncio, naq
from naq.models.job import Job

@naq.task
def double(number: int) -> int:
    return 2 * number

job = double.job(4)
assert job.function_name == "program:double", job.function_name
assert Job.deserialize(job.serialize()).function() is double
print("once")
"""


def test_a_task_of_the_running_program_has_the_name_under_which_a_worker_imports_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    for command in (["program.py"], ["-m", "program"]):
        done = subprocess.run(
            [sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert (done.stdout, done.stderr) == ("once\n", "")
