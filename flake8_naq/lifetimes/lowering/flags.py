"""Flags for a place that may be None: ``owned = nc is None``."""

from __future__ import annotations

import ast

from flake8_naq.lifetimes.cfg.graph import Assume, Place
from flake8_naq.names import defaults_of

# So many flags of one place are kept.
_MOST_FLAGS = 4


class Flags:
    """The flags of one scope, and its parameters that are None by default."""

    def __init__(self, node: ast.AST) -> None:
        self._optional = _optional_parameters(node)
        # By place, its flags, each with its value where the place is None.
        self._by_place: dict[Place, dict[Place, bool]] = {}
        self._place_of: dict[Place, Place] = {}

    def forget(self, place: Place) -> None:
        """Drop the flags of a place that is bound again, and the place's role as a flag."""
        self._by_place.pop(place, None)
        self._by_place.get(self._place_of.pop(place, ""), {}).pop(place, None)

    def note(self, flag: Place, test: Assume, *, positive: bool) -> None:
        """Note that `flag` (or its negation) is the answer to a test for None."""
        if test.question not in ("truthy", "none"):
            return
        absent = (test.question == "none") is test.answer
        known = self._by_place.setdefault(test.place, {})
        if len(known) < _MOST_FLAGS:
            known[flag] = absent is positive
            self._place_of[flag] = test.place

    def implied(self, test: Assume, *, answer: bool) -> list[Assume]:
        """The assumptions that follow from the answer to a test."""
        if test.question not in ("truthy", "none"):
            return []
        implied = []
        absent = answer is (test.question == "none")
        if absent and test.question == "truthy" and test.place in self._optional:
            implied.append(Assume(test.place, "none", answer=True))
        for flag, if_absent in self._by_place.get(test.place, {}).items():
            implied.append(Assume(flag, "truthy", answer=if_absent is absent))
        return implied


def _optional_parameters(node: ast.AST) -> set[str]:
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return set()
    return {
        argument.arg
        for argument, default in defaults_of(node.args)
        if isinstance(default, ast.Constant) and default.value is None
    }
