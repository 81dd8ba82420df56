"""Jobs, outcomes, records: what they hold survives the wire, and nothing is read without need."""

import json
import math
import pickle
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naq.exceptions import JobError, NewerFormatError, SerializationError
from naq.models import JOB_STATUS, Exponential, Fixed, Job, JobFailure, Linear, Outcome
from naq.models.failed import FailedJob
from naq.models.limit import Limit
from naq.models.record import JobRecord
from naq.models.retry import exception_names, is_one_of, strategy_from_json, strategy_to_json
from naq.models.schedule import Schedule
from naq.models.settings import OF_A_JOB


def own_delay(attempt: int) -> float:
    return attempt * 7.0


class Greeter:
    @staticmethod
    def greet(name: str) -> str:
        return f"hello {name}"


def through_the_wire(job: Job) -> Job:
    return Job.deserialize(job.serialize())


def test_every_setting_survives_the_wire() -> None:
    job = Job(
        math.pow,
        (2, 3),
        {"a": 1},
        job_id="a.b/c",
        queue="e-mail, weekly",
        timeout=timedelta(minutes=1),
        retries=3,
        retry=Exponential(delay=2, factor=3, maximum=60, jitter=0.1),
        retry_on=[OSError],
        ignore_on=[FileNotFoundError, "package.module:Error"],
        depends_on=["x", Job(math.sqrt, job_id="y")],
        isolated=True,
        keep_result=False,
        result_ttl=timedelta(hours=1),
        created_at=12.5,
    )
    read = through_the_wire(job)
    for name in [
        "job_id",
        "queue",
        "timeout",
        "retries",
        "retry",
        "retry_on",
        "ignore_on",
        "depends_on",
        "isolated",
        "keep_result",
        "result_ttl",
        "created_at",
        "serializer",
        "args",
        "kwargs",
    ]:
        assert getattr(read, name) == getattr(job, name), name
    assert read.function() is math.pow
    assert read.timeout == 60
    assert read.depends_on == ("x", "y")


def test_a_job_that_was_read_is_written_as_it_was() -> None:
    data = Job(math.sqrt, (4,)).serialize()
    assert Job.deserialize(data).serialize() == data


def test_ids_are_unique_by_default() -> None:
    assert Job(math.sqrt).job_id != Job(math.sqrt).job_id


def test_a_lambda_travels_by_value() -> None:
    assert through_the_wire(Job(lambda: 42)).function()() == 42


def test_an_importable_function_travels_by_name() -> None:
    job = Job(Greeter.greet, ("you",))
    assert job.function_name == f"{__name__}:Greeter.greet"
    assert b"Greeter.greet" in job.serialize().partition(b"\n")[0]


def test_a_function_of_main_travels_by_value() -> None:
    program = (
        "import sys\nfrom naq.models import Job\ndef f(): return 'from main'\n"
        "sys.stdout.buffer.write(Job(f).serialize())"
    )
    data = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout
    assert Job.deserialize(data).function()() == "from main"


def test_a_json_job_is_json_on_both_lines() -> None:
    head, body = Job(math.pow, (2, 3), serializer="json").serialize().split(b"\n")
    assert json.loads(head)["function"] == "math:pow"
    assert json.loads(body) == [[2, 3], {}]


def test_json_refuses_a_function_without_a_name_to_import() -> None:
    with pytest.raises(SerializationError, match="cannot be imported by name"):
        Job(lambda: 1, serializer="json").serialize()


def test_a_json_job_never_unpickles_its_call() -> None:
    head = Job(math.pow, (2, 3), serializer="json").serialize().partition(b"\n")[0]
    job = Job.deserialize(head + b"\n" + pickle.dumps(((), {})))
    with pytest.raises(SerializationError, match="cannot read JSON"):
        _ = job.args


def test_the_call_is_not_read_before_it_is_asked_for() -> None:
    job = Job.deserialize(Job("no.such.module:f", (1,)).serialize() + b"")
    assert job.describe()["function"] == "no.such.module:f"
    with pytest.raises(SerializationError, match=r"cannot import no\.such\.module:f"):
        job.function()


def test_ones_own_retry_function_travels() -> None:
    assert through_the_wire(Job(math.sqrt, retry=own_delay)).retry(2) == 14
    assert through_the_wire(Job(math.sqrt, retry=lambda attempt: attempt)).retry(2) == 2


def test_a_number_is_a_fixed_delay() -> None:
    assert through_the_wire(Job(math.sqrt, retry=2.5)).retry == Fixed(2.5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"job_id": "a b"}, "job id 'a b'"),
        ({"job_id": ""}, "job id ''"),
        ({"queue": ""}, "a queue needs a name"),
        ({"result_ttl": 0}, "result_ttl must be from 1 to"),
        ({"result_ttl": math.nan}, "result_ttl must be from 1 to"),
        ({"queue": "日" * 28}, "too long"),
        ({"queue": "\ud800"}, "no text that UTF-8 can write"),
        ({"job_id": "x" * 501}, "500 of them at most"),
        ({"depends_on": ["a b"]}, "job id 'a b'"),
        ({"depends_on": ["me"], "job_id": "me"}, "depends on itself"),
        ({"timeout": 0}, "timeout must be"),
        ({"retries": -1}, "retries must be"),
        ({"retry": -1}, "delay must be"),
        ({"retries": 1.5}, r"retries must be a whole number, 0 or more, not 1\.5"),
        ({"retries": True}, "retries must be a whole number, 0 or more, not True"),
        ({"retries": "3"}, "retries must be a whole number, 0 or more, not '3'"),
        ({"retries": None}, "retries must be"),
        ({"max_crashes": 1.5}, "max_crashes must be a whole number, 1 or more"),
        ({"max_crashes": "x"}, "max_crashes must be"),
        ({"timeout": "5"}, "timeout must be a number of seconds or a timedelta, not '5'"),
        ({"timeout": True}, "timeout must be"),
        ({"result_ttl": "60"}, "result_ttl must be a number of seconds or a timedelta"),
        ({"keep_result": "no"}, "keep_result must be True or False, not 'no'"),
        ({"keep_arguments": "no"}, "keep_arguments must be True or False"),
        ({"isolated": "yes"}, "isolated must be True or False"),
        ({"isolated": 1}, "isolated must be True or False, not 1"),
        ({"limit": "x"}, r"limit must be a naq\.Limit, not 'x'"),
        ({"limit": 5}, "limit must be"),
        ({"limit": {"key": "x"}}, "limit must be"),
        ({"on_parent_failure": ["fail"]}, "on_parent_failure must be fail, cancel or run"),
        ({"job_id": 5}, "job_id must be text, not 5"),
        ({"queue": 5}, "queue must be a name, not 5"),
        ({"queue": None}, "queue must be a name"),
        ({"unique": "yes"}, "unique must be True or a positive number of seconds, not 'yes'"),
        ({"unique": "5"}, "unique must be"),
        ({"depends_on": 5}, "depends_on must be a job, a handle, an id, or a list of them"),
        ({"depends_on": [5]}, "depends_on must be"),
        ({"retry": "5"}, "retry must be a strategy, a function or a number of seconds"),
        ({"retry": [1, 2]}, "retry must be"),
        ({"retry_on": "app:Error"}, "retry_on must be a list of exception classes"),
        ({"retry_on": ValueError}, "retry_on must be"),
        ({"ignore_on": [int]}, "ignore_on must be"),
        ({"pass_results": "x"}, "pass_results must be"),
        ({"pass_results": 1}, "pass_results must be"),
        ({"created_at": "now"}, "created_at must be"),
        ({"created_at": math.nan}, "created_at must be"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(
    settings: dict[str, object], message: str
) -> None:
    with pytest.raises(JobError, match=message):
        Job(math.sqrt, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("limit", [
    {"key": 5, "at_once": 1}, {"key": "x", "at_once": 1.5}, {"key": "x", "at_once": True},
    {"key": "x", "at_once": "1"}, {"key": "x", "per_second": "1"}, {"key": "x", "per_second": True},
])  # fmt: skip
def test_a_limit_of_values_of_other_types_is_refused(limit: dict[str, Any]) -> None:
    with pytest.raises(JobError, match="limit"):
        Limit(**limit)


_ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.binary(max_size=3),
    st.lists(st.one_of(st.integers(), st.text(max_size=3), st.none()), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=1), st.timedeltas(),
)  # fmt: skip


@given(st.sampled_from(sorted(OF_A_JOB)), _ANYTHING)
def test_whatever_a_setting_is_the_worker_can_read_the_job_or_there_is_none(
    setting: str, value: object
) -> None:
    try:
        job = Job(math.sqrt, (4,), **{setting: value})  # type: ignore[arg-type]
    except JobError:
        return
    read = Job.deserialize(job.serialize())
    assert read.describe() == job.describe()


def test_a_function_given_by_name_needs_a_module() -> None:
    with pytest.raises(JobError, match=r"package\.module:function"):
        Job("sqrt")


@pytest.mark.parametrize("data", [b"", b"{}", b"[]\n", b"\x80\x04", b'{"naq": 1}\n'])
def test_other_bytes_are_no_job(data: bytes) -> None:
    with pytest.raises(SerializationError, match="no job"):
        Job.deserialize(data)


def test_a_job_of_a_newer_naq_is_refused_by_its_format() -> None:
    data = Job(math.sqrt).serialize().replace(b'"naq":1', b'"naq":2')
    with pytest.raises(SerializationError, match="reads up to format 1"):
        Job.deserialize(data)


@pytest.mark.parametrize("limit", [b'{"key":"x"}', b'{"key":"x","per_day":5}', b'{"key":""}'])
def test_a_limit_that_makes_no_sense_makes_no_job(limit: bytes) -> None:
    data = Job(math.sqrt).serialize().replace(b"{", b'{"limit":' + limit + b",", 1)
    with pytest.raises(SerializationError, match="no job"):
        Job.deserialize(data)
    with pytest.raises(NewerFormatError, match="reads up to format 1"):
        Job.deserialize(data.replace(b'"naq":1', b'"naq":2'))


@pytest.mark.parametrize("retry", [b'{"kind":"fixed","delay":-1}', b'{"kind":"none"}'])
def test_a_strategy_that_makes_no_sense_makes_no_call(retry: bytes) -> None:
    data = Job(math.sqrt).serialize().replace(b"{", b'{"retry":' + retry + b",", 1)
    with pytest.raises(SerializationError, match="malformed"):
        _ = Job.deserialize(data).call


@pytest.mark.parametrize("data", [
    b'{"job_id":"x","run_at":"0001-01-01T00:00:00+14:00"}', b"[" * 200_000,
])  # fmt: skip
def test_bytes_made_to_break_their_reader_are_no_schedule(data: bytes) -> None:
    with pytest.raises(SerializationError, match="no schedule"):
        Schedule.deserialize(data)


@given(st.integers(1, 10_000))
def test_no_strategy_waits_longer_than_its_maximum(attempt: int) -> None:
    assert 0 <= Linear(5, maximum=60)(attempt) <= 60
    assert 0 <= Exponential(5, maximum=60)(attempt) <= 60


def test_strategies_grow_as_they_are_called() -> None:
    assert [Fixed(2)(n) for n in (1, 2, 3)] == [2, 2, 2]
    assert [Linear(2)(n) for n in (1, 2, 3)] == [2, 4, 6]
    assert [Exponential(2, jitter=0)(n) for n in (1, 2, 3)] == [2, 4, 8]


@given(st.floats(0, 1), st.integers(1, 8))
def test_jitter_only_takes_off_its_part(jitter: float, attempt: int) -> None:
    full = 2.0**attempt
    assert full * (1 - jitter) <= Exponential(2, jitter=jitter)(attempt) <= full


@pytest.mark.parametrize("strategy", [Fixed(3), Linear(1, 9), Exponential(1, 3, 9, 0.2)])
def test_a_strategy_survives_json(strategy: Fixed | Linear | Exponential) -> None:
    assert strategy_from_json(json.loads(json.dumps(strategy_to_json(strategy)))) == strategy


@pytest.mark.parametrize("data", [{}, {"kind": "magic"}, {"kind": "fixed", "factor": 2}])
def test_an_unknown_strategy_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(JobError, match="retry strategy"):
        strategy_from_json(data)


def test_an_exception_is_matched_by_its_bases_names() -> None:
    assert is_one_of(FileNotFoundError(), exception_names([OSError]))
    assert not is_one_of(ValueError(), exception_names([OSError]))
    assert is_one_of(ValueError(), ["builtins:ValueError"])


def test_a_cloudpickle_result_is_the_pickle_alone() -> None:
    data = Outcome({"a": 1}).serialize()
    assert pickle.loads(data) == {"a": 1}
    assert Outcome.deserialize(data) == Outcome({"a": 1})


def test_a_json_result_holds_no_pickle() -> None:
    data = Outcome([1, None], serializer="json").serialize()
    assert Outcome.deserialize(data) == Outcome([1, None], serializer="json")
    assert [json.loads(line) for line in data.splitlines()][1] == [1, None]


class _RudeError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text for you")


def test_a_failure_keeps_its_traceback() -> None:
    try:
        math.sqrt(-1)
    except ValueError as error:
        failure = JobFailure.of(error, attempts=2, worker="w", failed_at=1.0)
    read = Outcome.deserialize(Outcome(failure=failure).serialize()).failure
    assert read == failure
    assert failure.error_type == "builtins:ValueError"
    assert "math.sqrt(-1)" in failure.traceback
    assert str(failure).startswith("ValueError: ")


def test_an_exception_whose_text_raises_is_still_described() -> None:
    failure = JobFailure.of(_RudeError())
    assert "RuntimeError" in failure.message
    assert failure.error_type.endswith(":_RudeError")


def test_a_very_long_failure_is_cut_in_the_middle() -> None:
    failure = JobFailure.of(ValueError("x" * 1_000_000))
    assert len(Outcome(failure=failure).serialize()) < 200_000


def test_only_a_failure_is_taken_for_one() -> None:
    assert Outcome.is_failure(Outcome(failure=JobFailure("a:B", "", "")).serialize())
    assert not Outcome.is_failure(Outcome("failure").serialize())
    assert not Outcome.is_failure(Outcome({"failure": 1}, serializer="json").serialize())


def test_a_failed_job_survives_its_bucket() -> None:
    failed = FailedJob(Job(math.sqrt, (-1,)), JobFailure("builtins:ValueError", "m", "t", 3))
    assert FailedJob.deserialize(failed.serialize()) == failed


def test_the_first_line_of_a_record_is_the_status() -> None:
    record = JobRecord(status=JOB_STATUS.RETRYING, failures=2, crashes=3, updated_at=5.0)
    assert record.serialize().splitlines()[0] == b"retrying"
    assert JobRecord.deserialize(record.serialize()) == record


def test_a_status_alone_is_a_record() -> None:
    assert JobRecord.deserialize(b"running") == JobRecord(status=JOB_STATUS.RUNNING)


def test_a_record_explains_as_many_deliveries_as_it_knows_the_end_of() -> None:
    record = JobRecord(status=JOB_STATUS.RUNNING, failures=1, returns=2, crashes=5)
    assert record.explains(4)
    assert not record.explains(5)


def test_a_record_of_a_newer_naq_is_read_as_far_as_it_is_known() -> None:
    data = b'running\n{"failures":2,"something new":[1]}'
    assert JobRecord.deserialize(data) == JobRecord(status=JOB_STATUS.RUNNING, failures=2)
