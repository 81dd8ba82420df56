"""When schedules run: cron, intervals, zones, and runs that were missed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naq.exceptions import ScheduleError
from naq.models import MissedRuns, Schedule
from naq.scheduling.recurrence import BATCH, first_run, split_due

NOW = datetime(2030, 6, 1, 12, 0, tzinfo=UTC)
GRACE = timedelta(seconds=30)
MINUTE = timedelta(minutes=1)


def schedule(**values: Any) -> Schedule:
    return Schedule(job_id="j", **values)


def test_a_time_is_the_first_run() -> None:
    assert first_run(schedule(run_at=NOW), NOW) == NOW


def test_a_cron_runs_next_after_now() -> None:
    assert first_run(schedule(cron="*/5 * * * *"), NOW) == NOW + 5 * MINUTE


def test_a_cron_may_have_seconds() -> None:
    assert first_run(schedule(cron="*/10 * * * * *"), NOW) == NOW + timedelta(seconds=10)


def test_an_interval_runs_next_one_interval_from_now() -> None:
    assert first_run(schedule(interval=90), NOW) == NOW + timedelta(seconds=90)


def test_neither_runs_never() -> None:
    assert first_run(schedule(), NOW) is None


def test_a_cron_is_meant_in_its_zone() -> None:
    assert first_run(schedule(cron="0 3 * * *", timezone="Asia/Tokyo"), NOW) == datetime(
        2030, 6, 1, 18, 0, tzinfo=UTC
    )


def test_a_time_that_the_day_does_not_have_is_made_up_for() -> None:
    # Clocks in Berlin go from 2 to 3 on 31 March 2030.
    before = datetime(2030, 3, 30, 12, tzinfo=UTC)
    run = first_run(schedule(cron="30 2 * * *", timezone="Europe/Berlin"), before)
    assert run is not None
    assert run.astimezone(ZoneInfo("Europe/Berlin")).date().isoformat() == "2030-03-31"


def test_a_time_that_the_day_has_twice_counts_once() -> None:
    # Clocks in Berlin go from 3 to 2 on 27 October 2030.
    daily = schedule(
        cron="30 2 * * *",
        timezone="Europe/Berlin",
        run_at=datetime(2030, 10, 26, 0, 30, tzinfo=UTC),
    )
    runs, _ = split_due(daily, datetime(2030, 10, 28, tzinfo=UTC), timedelta(days=9))
    assert len(runs) == 2


def test_one_due_run_is_taken_and_the_next_is_set() -> None:
    runs, left = split_due(schedule(interval=60, run_at=NOW), NOW, GRACE)
    assert runs == [NOW]
    assert left == schedule(interval=60, run_at=NOW + MINUTE)


def test_a_time_alone_ends_with_its_run() -> None:
    assert split_due(schedule(run_at=NOW), NOW, GRACE) == ([NOW], None)


def test_the_last_repetition_ends_it() -> None:
    assert split_due(schedule(interval=60, run_at=NOW, repeat=1), NOW, GRACE) == ([NOW], None)


def test_repetitions_are_counted_down() -> None:
    _, left = split_due(schedule(interval=60, run_at=NOW, repeat=5), NOW, GRACE)
    assert left is not None
    assert left.repeat == 4


def test_what_is_a_little_late_was_not_missed() -> None:
    for policy in MissedRuns:
        late = schedule(interval=10, run_at=NOW - 2 * timedelta(seconds=10), missed_runs=policy)
        runs, _ = split_due(late, NOW, GRACE)
        assert len(runs) == 3


HOUR_LATE = {"interval": 60.0, "run_at": NOW - timedelta(hours=1)}
CRON_LATE = {"cron": "* * * * *", "run_at": NOW - timedelta(hours=1)}


@pytest.mark.parametrize("late", [HOUR_LATE, CRON_LATE], ids=["interval", "cron"])
def test_one_run_for_all_that_were_missed(late: dict[str, Any]) -> None:
    runs, left = split_due(schedule(**late, missed_runs=MissedRuns.ONCE), NOW, GRACE)
    assert runs == [NOW - MINUTE, NOW]
    assert left is not None
    assert left.run_at == NOW + MINUTE


@pytest.mark.parametrize("late", [HOUR_LATE, CRON_LATE], ids=["interval", "cron"])
def test_no_run_for_what_was_missed(late: dict[str, Any]) -> None:
    runs, left = split_due(schedule(**late, missed_runs=MissedRuns.SKIP), NOW, GRACE)
    assert runs == [NOW]
    assert left is not None
    assert left.run_at == NOW + MINUTE


@pytest.mark.parametrize("late", [HOUR_LATE, CRON_LATE], ids=["interval", "cron"])
def test_every_run_that_was_missed(late: dict[str, Any]) -> None:
    runs, left = split_due(schedule(**late, missed_runs=MissedRuns.ALL), NOW, GRACE)
    assert runs == [NOW - n * MINUTE for n in range(60, -1, -1)]
    assert left is not None
    assert left.run_at == NOW + MINUTE


def test_a_missed_time_alone_runs_late_or_never() -> None:
    missed = {"run_at": NOW - timedelta(days=1)}
    for policy, runs in (("once", 1), ("all", 1), ("skip", 0)):
        made, left = split_due(schedule(**missed, missed_runs=MissedRuns(policy)), NOW, GRACE)
        assert (len(made), left) == (runs, None)


def test_very_many_missed_runs_come_in_batches() -> None:
    late = schedule(interval=1, run_at=NOW - timedelta(days=1), missed_runs=MissedRuns.ALL)
    runs, left = split_due(late, NOW, GRACE)
    assert len(runs) == BATCH
    assert left is not None
    assert left.run_at == runs[-1] + timedelta(seconds=1)


def test_a_year_of_missed_seconds_is_skipped_at_once() -> None:
    late = schedule(interval=1, run_at=NOW - timedelta(days=365))
    runs, left = split_due(late, NOW, GRACE)
    assert len(runs) == 32
    assert left is not None
    assert left.run_at == NOW + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"cron": "* * *"}, r"'\* \* \*' is no cron expression"),
        ({"cron": "61 * * * *"}, "is no cron expression: Bad minute"),
        ({"cron": "* * * * *", "timezone": "Mars/Olympus"}, "no time zone 'Mars/Olympus'"),
    ],
)
def test_what_can_t_be_read_is_named(values: dict[str, Any], text: str) -> None:
    with pytest.raises(ScheduleError, match=text):
        first_run(schedule(**values), NOW)


moments = st.datetimes(datetime(2029, 1, 1), datetime(2031, 1, 1), timezones=st.just(UTC))
kinds = st.one_of(
    st.builds(lambda n: {"interval": float(n)}, st.integers(1, 10**6)),
    st.sampled_from(
        [{"cron": "*/7 * * * *"}, {"cron": "30 2 * * *", "timezone": "Europe/Berlin"}, {}]
    ),
)


@settings(deadline=None)  # a busy machine is not a slow law
@given(moments, moments, kinds, st.sampled_from(MissedRuns), st.none() | st.integers(1, 5))
def test_no_run_is_made_twice_and_none_before_its_time(
    run_at: datetime, now: datetime, kind: dict[str, Any], policy: MissedRuns, repeat: int | None
) -> None:
    left: Schedule | None = schedule(run_at=run_at, missed_runs=policy, repeat=repeat, **kind)
    made: list[datetime] = []
    for moment in (now, now, now + timedelta(hours=5)):
        if left is not None:
            runs, left = split_due(left, moment, GRACE)
            assert all(run <= moment for run in runs)
            made += runs
    assert made == sorted(set(made))
    if repeat is not None:
        assert len(made) <= repeat
        assert left is None or left.repeat == repeat - len(made)


@settings(deadline=None)
@given(
    st.builds(
        schedule,
        run_at=st.none() | moments,
        repeat=st.none() | st.integers(1, 100),
        queue=st.text(min_size=1),
        payload=st.binary(),
        missed_runs=st.sampled_from(MissedRuns),
    )
)
def test_a_schedule_comes_back_from_its_bytes(stored: Schedule) -> None:
    assert Schedule.deserialize(stored.serialize()) == stored
