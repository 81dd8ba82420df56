"""Lowers the calls that derive a handle from a connection."""

from __future__ import annotations

import ast

from flake8_naq.lifetimes.cfg.graph import Derive, Place, Use
from flake8_naq.lifetimes.lowering.acquisitions import arguments_of
from flake8_naq.lifetimes.lowering.escapes import pass_argument
from flake8_naq.lifetimes.lowering.resolved_call import ResolvedCall
from flake8_naq.lifetimes.lowering.scope_state import Evaluator, ScopeState
from flake8_naq.names.vocabulary import DERIVING_METHODS, HandleKind


class Derivations:
    """Lowers the derivations of one scope."""

    def __init__(self, state: ScopeState, evaluator: Evaluator) -> None:
        self._state = state
        self._builder = state.builder
        self._evaluator = evaluator

    def applies_to(self, call: ResolvedCall) -> bool:
        """Whether a call is a deriving method, or a function known to derive JetStream."""
        return _is_deriving_method(call) or self._is_helper(call)

    def lower(self, call: ResolvedCall) -> Place | None:
        """Lower a derivation: the place of the handle."""
        function = call.node.func
        if call.receiver and isinstance(function, ast.Attribute) and _is_deriving_method(call):
            kind = DERIVING_METHODS[call.last]
            return self.derive(call.node, call.receiver, function.value, kind)
        given = next(arguments_of(call.node))
        source = self._evaluator.value(given)
        if source is None:
            return None
        return self.derive(call.node, source, given, "jetstream")

    def derive(
        self, node: ast.Call, source: Place, source_node: ast.expr, kind: HandleKind
    ) -> Place:
        """Let a call derive a handle from what `source` holds."""
        for argument in arguments_of(node):
            if argument is source_node:
                continue
            place = self._evaluator.value(argument)
            # Callbacks stay with the handle.
            if place is not None and place not in self._state.closures:
                pass_argument(self._state, argument, place, node, source, effect="uses")
        bucket = _bucket_argument(node) if kind == "kv" else None
        derived = self._state.facts.derived(
            node, self._state.around.statement, kind, source, bucket
        )
        handle = self._state.temporary(node)
        live = kind != "jetstream" and not self._state.around.expecting
        self._builder.emit(Derive(handle, source, derived, source_node, live))
        self._state.values.derivations[handle] = derived
        return handle

    def is_loan(self, call: ResolvedCall) -> bool:
        """Whether a call makes something of nats-py's own around its arguments."""
        return (call.callee.name or "").startswith("nats.") and bool(call.node.args)

    def lend(self, call: ResolvedCall) -> Place | None:
        """Lower a call of nats-py: its objects (``add_service``, ``Msg``) borrow a connection."""
        result: Place | None = None
        for argument in arguments_of(call.node):
            place = self._evaluator.value(argument)
            if place is None or place in self._state.closures:
                continue
            if result is None:
                result = self.derive(call.node, place, argument, "other")
            else:
                self._builder.emit(Use(place, argument))
        return result

    def _is_helper(self, call: ResolvedCall) -> bool:
        known = call.callee.derives_jetstream
        return (known or call.last == "JetStreamContext") and any(
            True for _ in arguments_of(call.node)
        )


def _is_deriving_method(call: ResolvedCall) -> bool:
    return call.is_method and bool(call.receiver) and call.last in DERIVING_METHODS


def _bucket_argument(node: ast.Call) -> ast.expr | None:
    if node.args:
        return node.args[0]
    return next((keyword.value for keyword in node.keywords if keyword.arg == "bucket"), None)
