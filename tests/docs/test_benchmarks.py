"""The benchmarks' page, made from kept results."""

from __future__ import annotations

from typing import Any

import pytest

from recorder.benchmarks import BENCHMARKS, section
from recorder.phases import ROOT

MADE = {"on": "2026-01-31", "machine": "a machine", "load": 0.5, "versions": {"Python": "3.11.7"}}
ROWS = [{"name": "held", "value": 320.4}, {"name": "fresh & slow", "value": 2146.0}]


def shown(**document: Any) -> str:
    return section(BENCHMARKS[0], {"unit": "µs", "rows": ROWS, "made": MADE, **document})


def test_figures_are_told_in_a_table_and_drawn() -> None:
    text = shown()
    assert "| fresh & slow | 2,146 |" in text
    assert text.count("<rect") == 2


def test_the_longest_bar_takes_all_the_room_and_the_others_their_share() -> None:
    assert 'width="320.0"' in shown()
    assert 'width="47.8"' in shown()


def test_a_name_is_no_markup_in_the_drawing() -> None:
    assert "fresh &amp; slow</text>" in shown()


@pytest.mark.parametrize(
    ("sense", "verdict"), [("at most", "missed"), ("at least", "met")], ids=["most", "least"]
)
def test_a_goal_is_met_or_missed(sense: str, verdict: str) -> None:
    goal = {"name": "ratio", "value": 1.2, "limit": 1.05, "sense": sense}
    assert f"| ratio | 1.20 | {sense} 1.05 | {verdict} |" in shown(goals=[goal])


def test_machine_versions_and_command_are_named() -> None:
    text = shown()
    assert "`python tests/benchmarks/leases.py --json` on 2026-01-31; a machine" in text
    assert "Python 3.11.7" in text


def test_what_a_script_prints_in_words_is_shown_as_it_is() -> None:
    assert "two ms a file" in section(BENCHMARKS[0], {"text": "two ms a file\n", "made": MADE})


@pytest.mark.parametrize("benchmark", BENCHMARKS, ids=lambda benchmark: benchmark.name)
def test_kept_results_are_of_a_script_that_is_there(benchmark) -> None:
    assert (ROOT / benchmark.command.split()[0]).exists() or not benchmark.results.exists()
