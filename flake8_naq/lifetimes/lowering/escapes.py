"""Lowers what a call does to one argument: it looks at it, uses it, takes it over or keeps it."""

from __future__ import annotations

import ast
from typing import Literal, TypeAlias

from flake8_naq.lifetimes.cfg.graph import Defer, Hand, Place, Use
from flake8_naq.lifetimes.facts import Deferral
from flake8_naq.lifetimes.lowering.closures import Closure
from flake8_naq.lifetimes.lowering.scope_state import ScopeState
from flake8_naq.names.vocabulary import CLOSING_METHODS

# The effects of a call on an argument: it may only look at it, use it while it runs, take over a
# connection (but no handle), or keep whatever it gets.
Effect: TypeAlias = Literal["looks", "uses", "takes over", "keeps"]


def pass_argument(
    state: ScopeState,
    argument: ast.expr,
    place: Place | None,
    node: ast.Call,
    receiver: Place | None,
    *,
    effect: Effect,
) -> None:
    """Pass an argument to a call.

    Args:
        state: The scope.
        argument: The argument as written.
        place: The place that holds it.
        node: The call.
        receiver: The place of the object whose method is called.
        effect: The effect of the call on it.
    """
    if place is None:
        return
    if place in state.closures:
        _pass_closure(state.closures[place], node, receiver, effect)
    elif is_closing_method(argument):
        owner = place.rpartition(".")[0]
        state.builder.emit(Hand(owner, node, receiver, closer=True))
    elif effect in ("keeps", "takes over"):
        only_connection = effect == "takes over"
        state.builder.emit(Hand(place, argument, receiver, only_connection=only_connection))
    else:
        state.builder.emit(Use(place, argument))


def defer_closure(state: ScopeState, closure: Closure, how: Deferral) -> None:
    """Let the uses inside of a nested function run later, when other code calls it."""
    for name, node in closure.called.items():
        state.builder.emit(Defer(name, node, how))


def _pass_closure(closure: Closure, node: ast.Call, receiver: Place | None, effect: Effect) -> None:
    if effect == "uses":
        closure.borrowed = True
    elif effect != "looks":
        closure.escapes.append((node, receiver))


def is_closing_method(argument: ast.expr) -> bool:
    """Whether an argument is a bound method that closes: ``stack.push_async_callback(nc.close)``."""
    return isinstance(argument, ast.Attribute) and argument.attr in CLOSING_METHODS
