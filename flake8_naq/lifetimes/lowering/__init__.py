"""Lowers syntax to the control-flow graph.

`lower_scope` builds one `ScopeState` and hands it to the collaborators, each of which lowers one
kind of syntax: `Statements` (with `Handlers`, `Loops`, `WithStatements`) over `Expressions` (with
`Bindings`, `Conditions`, `Calls`). They recur through two functions only: to the value of an
expression (`Evaluator`) and to a list of statements (`LowerStatements`).
"""

from __future__ import annotations

from dataclasses import dataclass

from flake8_naq.lifetimes.cfg.graph import Graph
from flake8_naq.lifetimes.context import Context
from flake8_naq.lifetimes.lowering.closures import Closure, join_closures
from flake8_naq.lifetimes.lowering.scope_state import ScopeState
from flake8_naq.lifetimes.lowering.statements import Statements
from flake8_naq.names import Scope


@dataclass(frozen=True, slots=True)
class LoweredScope:
    """A scope after the lowering.

    Attributes:
        context: The module around it.
        scope: The scope.
        graph: Its control-flow graph.
        closures: The functions and lambdas defined in it, by name.
        yields: Whether it is a generator.
    """

    context: Context
    scope: Scope
    graph: Graph
    closures: dict[str, Closure]
    yields: bool


def lower_scope(context: Context, scope: Scope) -> LoweredScope:
    """Lower one scope of a module."""
    state = ScopeState(context, scope)
    Statements(state).lower_scope()
    join_closures(state.closures)
    return LoweredScope(context, scope, state.builder.graph, state.closures, state.yields)
