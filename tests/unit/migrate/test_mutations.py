"""A planner that is wrong on purpose gets no fix through as safe."""

import pytest

from flake8_naq.migrate.fixer import Options, fix_text
from tests.unit.migrate.mutations import MUTATIONS, row, tried
from tests.unit.migrate.shapes import SHAPES
from tests.unit.migrate.test_axioms_page import PAGE
from tests.unit.migrate.traces import differences


@pytest.mark.parametrize("name", MUTATIONS)
def test_no_wrong_rewrite_passes(name: str) -> None:
    count = tried(MUTATIONS[name])
    assert count.through == []
    assert count.caught > 0
    assert row(name, count) in PAGE.read_text().splitlines()


def test_there_are_enough_mutations() -> None:
    assert len(MUTATIONS) >= 30


@pytest.mark.parametrize("before", SHAPES.values(), ids=SHAPES)
def test_every_shape_is_rewritten_and_acts_as_it_did(before: str) -> None:
    result = fix_text(before, "work.py", Options())
    assert [str(report.message) for report in result.reports if report.kind == "left"] == []
    assert "async with" in result.text
    assert differences(before, result.text) == []
