"""Holds the traces of two modules together, undisturbed and with a fault at every effect."""

from __future__ import annotations

from tests.unit.migrate.allowed import difference
from tests.unit.migrate.tracing import FAULTS, World, compiled, run

# What the questions of a function are answered with.
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
