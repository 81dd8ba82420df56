"""Generated functions act after their safe fix as before, but for what an axiom allows."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings

from flake8_naq.migrate.fixer import Options, fix_text
from flake8_naq.rules import all_rules
from tests.unit.migrate import record_pairs
from tests.unit.migrate.anything import changed
from tests.unit.migrate.programs import programs
from tests.unit.migrate.traces import differences, differences_of_any

EXAMPLES = int(os.environ.get("NAQ_EQUIVALENCE_EXAMPLES", "300"))


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(programs())
def test_a_safe_fix_acts_as_the_function_did(before: str) -> None:
    after = fix_text(before, "work.py", Options()).text
    if after != before:
        assert differences(before, after) == [], after


PAIRS = [
    pytest.param(before, after, path, id=f"{folder.name}: {'.'.join(path)}")
    for folder in sorted(record_pairs.DATA.iterdir())
    if (folder / "after.py").exists()
    for before, after in [tuple((folder / name).read_text() for name in ("before.py", "after.py"))]
    for path in changed(before, after)
]
EXAMPLES_OF_RULES = [
    pytest.param(example.code, after, path, id=f"{rule.number} {example.title}: {'.'.join(path)}")
    for rule in all_rules()
    for example in rule.bad
    for after in [fix_text(example.code, "module.py", Options()).text]
    for path in changed(example.code, after)
]


@pytest.mark.parametrize(("before", "after", "path"), [*PAIRS, *EXAMPLES_OF_RULES])
def test_pairs_and_examples_act_as_they_did(before: str, after: str, path: tuple[str, ...]) -> None:
    assert differences_of_any(before, after, path) == []
