"""Lowers the escape of an argument to the call that gets it."""

from __future__ import annotations

import ast

from flake8_naq.lifetimes.cfg.graph import Hand, Place, Use
from flake8_naq.lifetimes.lowering.scope_state import ScopeState
from flake8_naq.lifetimes.vocabulary import CLOSING_METHODS


def pass_argument(
    state: ScopeState,
    argument: ast.expr,
    place: Place | None,
    node: ast.Call,
    receiver: Place | None,
    *,
    keeps: bool,
) -> None:
    """Pass an argument to a call.

    Args:
        state: The scope.
        argument: The argument as written.
        place: The place that holds it.
        node: The call.
        receiver: The place of the object whose method is called.
        keeps: Whether the call may keep it.
    """
    if place is None:
        return
    if place in state.closures:
        state.closures[place].escapes.append((node, receiver))
    elif is_closing_method(argument):
        owner = place.rpartition(".")[0]
        state.builder.emit(Hand(owner, node, receiver, closer=True))
    elif keeps:
        state.builder.emit(Hand(place, argument, receiver))
    else:
        state.builder.emit(Use(place, argument))


def is_closing_method(argument: ast.expr) -> bool:
    """Whether an argument is a bound method that closes: ``stack.push_async_callback(nc.close)``."""
    return isinstance(argument, ast.Attribute) and argument.attr in CLOSING_METHODS
