"""Generated functions act after their safe fix as before, but for what an axiom allows."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, given, settings

from flake8_naq.migrate.fixer import Options, fix_text
from tests.unit.migrate.allowed import difference
from tests.unit.migrate.programs import programs
from tests.unit.migrate.tracing import FAULTS, World, compiled, run

EXAMPLES = int(os.environ.get("NAQ_EQUIVALENCE_EXAMPLES", "300"))
ANSWERS = [(True,), (False,), (True, False)]


def differences(before: str, after: str) -> list[str]:
    """How two modules act differently, undisturbed and with each fault at each effect."""
    old, new = compiled(before), compiled(after)
    found: list[str] = []
    for answers in ANSWERS:
        undisturbed = run(old, World(answers=answers))
        faults = [("", "")] + [
            (event.name, fault)
            for event in undisturbed.events
            if event.kind not in ("guard", "task")
            for fault in FAULTS
        ]
        for fault in faults:
            first = run(old, World(fault, answers))
            second = run(new, World(fault, answers))
            why = difference(first, second)
            if why:
                found.append(f"{answers} {fault}: {why}")
    return found


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
