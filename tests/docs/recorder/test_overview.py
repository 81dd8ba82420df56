"""The phases at a glance, and their pages."""

from __future__ import annotations

import re

import pytest

from recorder import overview, record
from recorder.phases import Phase, all_phases

SHOWN = {"glance", "provenance", "findings", "code", "remaining", "now", "calls", "effect"}
STEPS = ["Baseline", "Systematic migration", "Validation"]

phases = pytest.mark.parametrize("phase", all_phases(), ids=lambda phase: phase.name)


@phases
def test_a_glance_shows_the_figures_of_the_record(phase: Phase) -> None:
    before, now = (record.read(phase)["variants"][state] for state in ("before", "now"))
    shown = overview.glance(phase)
    opened = (before["counts"]["connections"], now["counts"]["connections"])
    assert f"<dt>connections opened</dt><dd>{opened[0]} → {opened[1]}</dd>" in shown
    found = overview.sites(phase)
    assert f"<dt>rewritten, safe</dt><dd>{found.safe} of {found.total}</dd>" in shown
    assert all(f"`{path}`" in shown for path in phase.successor_paths)


def test_the_glance_of_all_adds_the_phases_up() -> None:
    total = sum(overview.sites(phase).total for phase in all_phases())
    assert f"<dt>connections in 9 phases</dt><dd>{total}</dd>" in overview.glance_of_all()


@phases
def test_a_phase_s_page_shows_all_of_its_record_in_the_three_steps(phase: Phase) -> None:
    page = (phase.folder / "index.md").read_text(encoding="utf-8")
    assert set(re.findall("<!-- record: ([a-z-]+) -->", page)) >= SHOWN
    assert re.findall("^## (.+)$", page, re.MULTILINE) == STEPS
