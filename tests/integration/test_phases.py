"""What holds a phase together: before, the codemod's output, and the module as it is now."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from recorder import own_commands, record
from recorder.measure import VariantRun
from recorder.phases import ROOT, Phase, all_phases
from recorder.variants import VARIANTS

pytestmark = pytest.mark.parametrize(
    "phase",
    [
        # One process plays a phase for all of its tests.
        pytest.param(phase, marks=pytest.mark.xdist_group(phase.name), id=phase.name)
        for phase in all_phases()
    ],
)


@pytest.fixture(scope="module")
def migrations() -> dict[Phase, record.Migration]:
    return {}


@pytest.fixture
def migration(phase: Phase, migrations: dict[Phase, record.Migration]) -> record.Migration:
    if phase not in migrations:
        migrations[phase] = record.run_migration(phase)
    return migrations[phase]


@pytest.fixture(scope="module")
def played() -> dict[Phase, dict[str, VariantRun]]:
    return {}


@pytest.fixture
def outcomes(phase: Phase, played: dict[Phase, dict[str, VariantRun]]) -> dict[str, VariantRun]:
    if phase not in played:
        played[phase] = {state: record.play_as_recorded(phase, state).outcome for state in VARIANTS}
    return played[phase]


def test_the_linter_finds_something_in_the_phase_as_it_stood(migration: record.Migration) -> None:
    assert migration.findings


def test_every_finding_has_the_tier_of_its_phase(phase: Phase, migration: record.Migration) -> None:
    assert {finding.tier for finding in migration.findings} == {phase.tier}


def test_the_linter_finds_nothing_in_what_the_phase_became(phase: Phase) -> None:
    for successor in phase.successor_paths:
        assert own_commands.lint(successor, ROOT) == []


def test_the_record_is_what_linter_and_codemod_make(
    phase: Phase, migration: record.Migration
) -> None:
    assert record.stale_files(phase, migration) == []


def test_the_codemod_has_nothing_to_do_on_its_own_output(phase: Phase, tmp_path: Path) -> None:
    shutil.copytree(phase.fixed, tmp_path / "fixed")
    assert own_commands.migrate(Path("fixed"), tmp_path, "--diff", "--unsafe-fixes") == ""


@pytest.mark.parametrize("state", ["fixed", "now"])
def test_every_call_has_the_outcome_that_it_had_before(
    outcomes: dict[str, VariantRun], state: str
) -> None:
    assert outcomes[state].steps == outcomes["before"].steps


@pytest.mark.parametrize("state", ["fixed", "now"])
def test_the_stored_state_is_what_it_was_before(
    outcomes: dict[str, VariantRun], state: str
) -> None:
    assert outcomes[state].stored == outcomes["before"].stored


@pytest.mark.parametrize("state", ["fixed", "now"])
def test_no_connection_stays_open(outcomes: dict[str, VariantRun], state: str) -> None:
    assert outcomes[state].left_open == 0


def test_the_codemods_output_opens_fewer_connections(outcomes: dict[str, VariantRun]) -> None:
    assert outcomes["fixed"].counts.connections < outcomes["before"].counts.connections


def test_all_calls_share_one_connection_now(phase: Phase, outcomes: dict[str, VariantRun]) -> None:
    assert outcomes["now"].counts.connections == phase.connections


@pytest.mark.parametrize("state", VARIANTS)
def test_the_recorded_counts_are_what_the_server_counts(
    phase: Phase, outcomes: dict[str, VariantRun], state: str
) -> None:
    assert record.read(phase)["variants"][state] == outcomes[state].document()
