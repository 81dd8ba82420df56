"""Holds the traces of two modules together, undisturbed and with a fault at every effect."""

from __future__ import annotations

from collections.abc import Callable

from tests.unit.migrate.allowed import difference
from tests.unit.migrate.anything import AnyWorld, run_any
from tests.unit.migrate.tracing import FAULTS, Trace, World, compiled, run

# What the questions of a function are answered with.
ANSWERS = [(True,), (False,), (True, False)]


def differences(before: str, after: str) -> list[str]:
    """How two modules act differently, undisturbed and with each fault at each effect."""
    codes = compiled(before), compiled(after)
    return _differences(lambda which, *world: run(codes[which], World(*world)))


def differences_of_any(before: str, after: str, path: tuple[str, ...]) -> list[str]:
    """The same of one coroutine of two modules, whatever they import."""
    codes = compiled(before), compiled(after)
    return _differences(lambda which, *world: run_any(codes[which], path, AnyWorld(*world)))


def _differences(run_in: Callable[..., Trace]) -> list[str]:
    found: list[str] = []
    for answers in ANSWERS:
        undisturbed = run_in(0, ("", ""), answers)
        faults = [("", "")] + [
            (event.name, fault)
            for event in undisturbed.events
            if event.kind not in ("guard", "task")
            for fault in FAULTS
        ]
        for fault in faults:
            why = difference(run_in(0, fault, answers), run_in(1, fault, answers))
            if why:
                found.append(f"{answers} {fault}: {why}")
    return found
