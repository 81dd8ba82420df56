"""Lowers `try` statements: which handler takes an exception, and what runs on every exit."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import TypeAlias

from flake8_naq.lifetimes.cfg.graph import BasicBlock, Forget
from flake8_naq.lifetimes.lowering.exception_names import (
    CANCELLATION,
    ERRORS,
    EVERYTHING,
    NOT_ERRORS,
    exception_names,
    expected_to_fail,
)
from flake8_naq.lifetimes.lowering.scope_state import ScopeState

Try: TypeAlias = ast.Try | ast.TryStar
LowerStatements: TypeAlias = Callable[[Sequence[ast.stmt]], None]

# The errors of nats-py for a use of a closed connection, old and new.
_CLOSED_ERRORS = frozenset({"ConnectionClosedError", "ErrConnectionClosed"})


class Handlers:
    """Lowers the `try` statements of one scope."""

    def __init__(self, state: ScopeState, lower_statements: LowerStatements) -> None:
        self._state = state
        self._builder = state.builder
        self._lower_statements = lower_statements

    def lower(self, node: Try) -> None:
        """Lower a `try` statement."""
        if node.finalbody:
            self._builder.finally_run(
                lambda: self._try_except(node), lambda: self._lower_statements(node.finalbody)
            )
        else:
            self._try_except(node)

    def _try_except(self, node: Try) -> None:
        if not node.handlers:
            self._lower_statements(node.body)
            return
        after, raised, cancelled = BasicBlock(), BasicBlock(), BasicBlock()
        self._body(node, raised, cancelled)
        self._lower_statements(node.orelse)
        self._builder.go(after)
        raised_on, cancelled_on = True, True
        for handler in node.handlers:
            entry = BasicBlock(handler.lineno, lines=(handler.lineno,))
            caught = exception_names(handler.type) if handler.type is not None else EVERYTHING
            if raised_on and not caught <= NOT_ERRORS:
                raised.successors.append(entry)
                raised_on = not caught & (EVERYTHING | ERRORS)
            if cancelled_on and caught & (EVERYTHING | CANCELLATION):
                cancelled.successors.append(entry)
                cancelled_on = False
            self._clause(handler, entry)
            self._builder.go(after)
        if raised_on:
            self._builder.propagate(raised, "raise")
        if cancelled_on:
            self._builder.propagate(cancelled, "cancel")
        self._builder.start(after)

    def _body(self, node: Try, raised: BasicBlock, cancelled: BasicBlock) -> None:
        around = self._state.around
        fails = expected_to_fail(node)
        around.expects_failure = fails or around.expects_failure
        expects = any(_catches_closed_error(handler) for handler in node.handlers)
        around.expecting += expects
        self._builder.catching(raised, cancelled, lambda: self._lower_statements(node.body))
        around.expecting -= expects
        if fails is not None:
            around.expects_failure = None

    def _clause(self, handler: ast.ExceptHandler, entry: BasicBlock) -> None:
        self._builder.start(entry)
        if handler.name:
            self._builder.emit(Forget(handler.name))
        self._lower_statements(handler.body)


def _catches_closed_error(handler: ast.ExceptHandler) -> bool:
    """Whether a handler is there for what a closed connection raises."""
    return handler.type is not None and bool(exception_names(handler.type) & _CLOSED_ERRORS)
