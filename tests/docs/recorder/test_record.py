"""How often a scenario is played before a difference counts as one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from recorder import record
from recorder.measure import Counts, VariantRun
from recorder.phases import Phase, load

Plays = Callable[[str, list[VariantRun]], list[str]]


@pytest.fixture
def phase() -> Phase:
    return load("scheduler")


@pytest.fixture
def plays(monkeypatch: pytest.MonkeyPatch) -> Plays:
    """Record one outcome, and let a state have others: the states played, one for each play."""

    def arrange(recorded: str, outcomes: list[VariantRun]) -> list[str]:
        played: list[str] = []

        def play(_: Phase, state: str) -> VariantRun:
            played.append(state)
            return outcomes[len(played) - 1]

        document = {"variants": {recorded: outcome(1).document()}}
        monkeypatch.setattr(record, "read", lambda _: document)
        monkeypatch.setattr(record, "play", play)
        return played

    return arrange


def outcome(connections: int) -> VariantRun:
    return VariantRun([], {}, Counts(connections, 0, 0), 0)


@pytest.mark.parametrize("state", ["before", "fixed"])
def test_before_and_fixed_are_played_again_after_a_difference(
    phase: Phase, plays: Plays, state: str
) -> None:
    played = plays(state, [outcome(2), outcome(1)])
    assert record.play_as_recorded(phase, state) == record.Played(outcome(1), replays=1)
    assert played == [state] * 2


@pytest.mark.parametrize("state", ["before", "fixed"])
def test_the_third_outcome_of_before_and_fixed_counts(
    phase: Phase, plays: Plays, state: str
) -> None:
    plays(state, [outcome(2), outcome(3), outcome(4)])
    assert record.play_as_recorded(phase, state) == record.Played(outcome(4), replays=2)


def test_now_has_one_try(phase: Phase, plays: Plays) -> None:
    played = plays("now", [outcome(2), outcome(1)])
    assert record.play_as_recorded(phase, "now") == record.Played(outcome(2), replays=0)
    assert played == ["now"]


@pytest.mark.parametrize("state", ["before", "fixed", "now"])
def test_an_outcome_as_recorded_is_played_once(phase: Phase, plays: Plays, state: str) -> None:
    played = plays(state, [outcome(1)])
    assert record.play_as_recorded(phase, state) == record.Played(outcome(1), replays=0)
    assert played == [state]
