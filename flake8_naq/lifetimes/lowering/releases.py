"""Lowers the calls that close a connection by their own name."""

from __future__ import annotations

import ast

from flake8_naq.lifetimes.cfg.graph import Close, Place
from flake8_naq.lifetimes.facts import Release, ReleaseMethod
from flake8_naq.lifetimes.lowering.acquisitions import arguments_of
from flake8_naq.lifetimes.lowering.resolved_call import ResolvedCall
from flake8_naq.lifetimes.lowering.scope_state import Evaluator, ScopeState
from flake8_naq.names.vocabulary import CLOSING_METHODS


class Releases:
    """Lowers the releases of one scope."""

    def __init__(self, state: ScopeState, evaluator: Evaluator) -> None:
        self._state = state
        self._builder = state.builder
        self._evaluator = evaluator

    def applies_to(self, call: ResolvedCall) -> bool:
        """Whether a call is a closing method, or a function known to close its argument."""
        return _is_closing_call(call) or call.callee.closes

    def lower(self, call: ResolvedCall) -> None:
        """Lower a release."""
        if call.receiver is not None and _is_closing_call(call):
            self._close_receiver(call, call.receiver)
        else:
            self._close_by_helper(call.node)

    def close(self, place: Place | None, node: ast.Call) -> None:
        """Let a call close what a place holds."""
        self._builder.emit(Close(place, self._release(node, "helper")))

    def _close_receiver(self, call: ResolvedCall, receiver: Place) -> None:
        around = self._state.around
        method: ReleaseMethod = "close" if call.last == "close" else "drain"
        statement = around.statement
        idle = isinstance(statement, ast.Expr) and statement.value is call.node
        release = self._release(call.node, method)
        self._builder.emit(Close(receiver, release, around.in_task, idle))

    def _close_by_helper(self, node: ast.Call) -> None:
        release = self._release(node, "helper")
        argument = next(arguments_of(node), None)
        source = self._evaluator.value(argument) if argument is not None else None
        self._builder.emit(Close(source, release))
        graph = self._builder.graph
        graph.last_url_close = max(graph.last_url_close, node.lineno)

    def _release(self, node: ast.Call, method: ReleaseMethod) -> Release:
        return self._state.facts.release(
            node,
            self._state.around.statement,
            method,
            in_finally=self._builder.finally_depth > 0,
        )


def _is_closing_call(call: ResolvedCall) -> bool:
    return call.receiver is not None and call.last in CLOSING_METHODS and not call.node.args
