"""Lowers calls: each kind of call has one handler."""

from __future__ import annotations

import ast

from flake8_naq.lifetimes.cfg.graph import Manage, Place, Use
from flake8_naq.lifetimes.lowering.acquisitions import Acquisitions, arguments_of, opened_by
from flake8_naq.lifetimes.lowering.arguments import Arguments
from flake8_naq.lifetimes.lowering.bindings import Bindings
from flake8_naq.lifetimes.lowering.derivations import Derivations
from flake8_naq.lifetimes.lowering.escapes import is_closing_method, pass_argument
from flake8_naq.lifetimes.lowering.no_raise import cannot_raise
from flake8_naq.lifetimes.lowering.releases import Releases
from flake8_naq.lifetimes.lowering.resolved_call import ResolvedCall, last_name
from flake8_naq.lifetimes.lowering.scope_state import Evaluator, ScopeState
from flake8_naq.lifetimes.lowering.tasks import Tasks, wraps_coroutine

_STACK_METHODS = frozenset(["enter_async_context", "enter_context", "push_async_exit", "push"])
_CONTAINER_METHODS = frozenset(
    ["append", "add", "insert", "extend", "appendleft", "put", "put_nowait", "setdefault", "update"]
)


class Calls:
    """Lowers the calls of one scope.

    Attributes:
        acquisitions: Lowers the calls that open a connection.
    """

    def __init__(self, state: ScopeState, evaluator: Evaluator, bindings: Bindings) -> None:
        self._state = state
        self._builder = state.builder
        self._evaluator = evaluator
        self._bindings = bindings
        self.acquisitions = Acquisitions(state, evaluator, bindings)
        self._tasks = Tasks(state, evaluator, bindings, self.acquisitions)
        self._releases = Releases(state, evaluator)
        self._derivations = Derivations(state, evaluator)
        self._arguments = Arguments(state, evaluator, bindings, self._releases, self._derivations)

    def lower(self, node: ast.Call, *, awaited: bool) -> Place | None:
        """Lower a call: the place that holds its result."""
        callee = self._state.context.callees.of(node.func, self._state.scope)
        if flavour := opened_by(callee, awaited):
            return self.acquisitions.acquire(node, flavour, callee)
        if self.acquisitions.is_client_connect(node, awaited):
            return self.acquisitions.connect_client(node)
        call = ResolvedCall(node, callee, last_name(node.func), awaited)
        if wraps_coroutine(call):
            return self._tasks.lower(call)
        call.receiver = self._receiver(node)
        result = self._lower_by_kind(call)
        if not awaited and not cannot_raise(node) and result not in self._state.values.fresh:
            self._builder.may_raise(node)
        return result

    def _receiver(self, node: ast.Call) -> Place | None:
        function = node.func
        if isinstance(function, ast.Attribute):
            return self._evaluator.value(function.value)
        if isinstance(function, ast.Name):
            self._builder.mention(function.id, function.lineno)
        else:
            self._evaluator.discard(function)
        return None

    def _lower_by_kind(self, call: ResolvedCall) -> Place | None:
        if self._releases.applies_to(call):
            self._releases.lower(call)
            return None
        if self._derivations.applies_to(call):
            return self._derivations.lower(call)
        if call.last in _STACK_METHODS and call.node.args:
            return self._enter_stack(call.node)
        if call.receiver is not None and call.last in _CONTAINER_METHODS:
            self._put_into(call, call.receiver)
            return None
        if self._derivations.is_loan(call):
            return self._derivations.lend(call)
        return self._arguments.lower(call)

    def _enter_stack(self, node: ast.Call) -> Place | None:
        place = self._evaluator.value(node.args[0], awaited=True)
        for argument in node.args[1:]:
            self._evaluator.discard(argument)
        if place is not None:
            self._builder.emit(Manage(place))
            self._state.values.fresh.add(place)
        return place

    def _put_into(self, call: ResolvedCall, container: Place) -> None:
        assert isinstance(call.node.func, ast.Attribute)
        live = call.awaited and not self._state.around.expecting
        self._builder.emit(Use(container, call.node.func.value, live))
        for argument in arguments_of(call.node):
            place = self._evaluator.value(argument, awaited=call.awaited)
            if place in self._state.closures or is_closing_method(argument):
                pass_argument(self._state, argument, place, call.node, container, effect="keeps")
            else:
                self._bindings.keep_in(container, place, call.node)
