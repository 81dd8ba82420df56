"""Proves that a rewritten function is equivalent, independently of the planner.

A function is lowered before and after by continuations; both graphs are walked from their entries,
atom by atom. A difference is one of the axioms, or it is reported with its line and its path.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from flake8_naq.migrate.match.declared_helpers import DeclaredHelpers
from flake8_naq.migrate.prove.axioms import AXIOMS, NEVER_BOUND, NEVER_CONNECTED, Axiom
from flake8_naq.migrate.prove.closing_functions import ClosingFunctions
from flake8_naq.migrate.prove.difference import Difference
from flake8_naq.migrate.prove.followed import Followed, followed
from flake8_naq.migrate.prove.meaning import Meaning
from flake8_naq.migrate.prove.nodes import Node
from flake8_naq.migrate.prove.obligations import broken_obligation, catches_unbound
from flake8_naq.migrate.prove.pairs import Verdict
from flake8_naq.migrate.prove.path_state import UNSET, PathState
from flake8_naq.migrate.prove.reach import Reach
from flake8_naq.migrate.prove.statement_lowering import StatementLowering
from flake8_naq.migrate.prove.walk import Walk
from flake8_naq.names import Names, Scope
from flake8_naq.settings import Settings

__all__ = ["AXIOMS", "Axiom", "Difference", "Function", "Verdict", "prove_function"]


@dataclass(frozen=True, slots=True)
class Function:
    """A function in its module.

    Attributes:
        names: The names of its module, resolved.
        scope: The function.
        settings: The linter's settings.
        helpers: The functions that the rules declare.
    """

    names: Names
    scope: Scope
    settings: Settings
    helpers: DeclaredHelpers


def prove_function(before: Function, after: Function) -> Verdict:
    """Compare a function with its rewrite.

    Returns:
        The first difference that is no axiom, and the axioms that were needed.
    """
    old, new = _Lowered(before), _Lowered(after)
    broken = broken_obligation(old.meaning, new.meaning, old.followed)
    if broken is not None:
        return Verdict(broken)
    # A name that either function follows is followed in both.
    handles = old.followed.handles | new.followed.handles
    rebound = old.followed.rebound | new.followed.rebound
    names = Followed(
        handles - rebound,
        rebound,
        old.followed.captured | new.followed.captured,
        old.followed.parameters,
    )
    walk = Walk(Reach(old.meaning.nodes, names), names.captured)
    verdict = walk.run(old.entry(names), new.entry(names))
    if verdict.difference is None and verdict.axioms & {NEVER_BOUND, NEVER_CONNECTED}:
        verdict.difference = catches_unbound(old.meaning)
    return verdict


class _Lowered:
    """One of the two functions: its meaning, names and graph."""

    def __init__(self, function: Function) -> None:
        self._scope = function.scope
        self.meaning = Meaning(function.names, function.scope, function.settings, function.helpers)
        self.followed = followed(function.scope, self.meaning, function.names.module)

    def entry(self, names: Followed) -> tuple[Node, PathState]:
        """The entry of the function and its state there."""
        node = self._scope.node
        assert isinstance(node, (ast.AsyncFunctionDef, ast.FunctionDef))
        unset = sorted(names.handles - names.parameters)
        closing = ClosingFunctions(self.meaning, names)
        entry = StatementLowering(self.meaning, names, closing).function(node)
        return entry, PathState(tuple((name, UNSET) for name in unset))
