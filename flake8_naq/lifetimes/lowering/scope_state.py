"""The state of one scope while it is lowered. Every collaborator of the lowering shares it."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Protocol

from flake8_naq.lifetimes.cfg.builder import Builder
from flake8_naq.lifetimes.cfg.graph import Place, Use
from flake8_naq.lifetimes.context import Context
from flake8_naq.lifetimes.lowering.closures import Closure
from flake8_naq.lifetimes.lowering.fact_table import FactTable
from flake8_naq.lifetimes.lowering.flags import Flags
from flake8_naq.lifetimes.lowering.values import Values
from flake8_naq.names import Scope


class Evaluator(Protocol):
    """Lowers an expression. The collaborators that need it and those it needs break a cycle here."""

    def value(self, node: ast.expr, *, awaited: bool = False) -> Place | None:
        """Lower an expression to the place of its value."""

    def discard(self, node: ast.expr) -> None:
        """Lower an expression whose value goes no further."""


@dataclass(eq=False, slots=True)
class Surroundings:
    """The syntax around the current point.

    Attributes:
        statement: The statement that is lowered.
        loops: The loops and comprehensions.
        depth: How deep the current expression is nested.
        expects_failure: The statement that is expected to raise.
        expecting: How many blocks expect their body to fail.
        gathering: Whether the current call is one of several that run at once.
        in_task: Whether the current call runs in a task that is not awaited yet.
        detached: Whether it runs in one that this scope never awaits.
    """

    statement: ast.stmt = field(default_factory=ast.Pass)
    loops: list[ast.AST] = field(default_factory=list)
    depth: int = 0
    expects_failure: ast.stmt | None = None
    expecting: int = 0
    gathering: bool = False
    in_task: bool = False
    detached: bool = False


class ScopeState:
    """One scope.

    Attributes:
        context: The module around it.
        scope: The scope.
        builder: Its growing control-flow graph.
        values: The values of its places that the lowering itself knows.
        flags: Its flags for a place that may be None.
        facts: Its acquisitions, releases and derivations, one for each call.
        around: The syntax around the current point.
        closures: The functions and lambdas defined in it, by name.
        yields: Whether it is a generator.
    """

    __slots__ = (
        "around",
        "builder",
        "closures",
        "context",
        "facts",
        "flags",
        "scope",
        "values",
        "yields",
    )

    def __init__(self, context: Context, scope: Scope) -> None:
        self.context = context
        self.scope = scope
        self.builder = Builder(getattr(scope.node, "end_lineno", None) or 0)
        self.values = Values()
        self.flags = Flags(scope.node)
        self.facts = FactTable(scope)
        self.around = Surroundings()
        self.closures: dict[str, Closure] = {}
        self.yields = False

    def temporary(self, node: ast.expr) -> Place:
        """A new place for a value that is needed up to the end of the statement around `node`."""
        return self.builder.temporary(self.around.statement.end_lineno or node.lineno)

    def use_name(self, place: Place | None, node: ast.expr) -> None:
        """Note the use of a place, unless it is a temporary."""
        if place is not None and not place.startswith("%"):
            self.builder.emit(Use(place, node))

    def mention(self, place: Place, line: int) -> None:
        """Note that a place matters on this line."""
        self.builder.mention(place.partition(".")[0], line)
