"""Generated functions act after their safe fix as before, but for what an axiom allows."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, given, settings

from flake8_naq.migrate.fixer import Options, fix_text
from tests.unit.migrate.programs import programs
from tests.unit.migrate.traces import differences

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
