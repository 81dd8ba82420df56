"""Lowers the calls of functions about which nothing else is known: the fate of each argument."""

from __future__ import annotations

import ast

from flake8_naq.lifetimes.callees import ParameterFate
from flake8_naq.lifetimes.cfg.graph import Hand, Place, Use, Wrap
from flake8_naq.lifetimes.lowering.acquisitions import arguments_of
from flake8_naq.lifetimes.lowering.bindings import Bindings
from flake8_naq.lifetimes.lowering.derivations import Derivations
from flake8_naq.lifetimes.lowering.escapes import Effect, is_closing_method, pass_argument
from flake8_naq.lifetimes.lowering.no_raise import cannot_raise
from flake8_naq.lifetimes.lowering.releases import Releases
from flake8_naq.lifetimes.lowering.resolved_call import ResolvedCall
from flake8_naq.lifetimes.lowering.scope_state import Evaluator, ScopeState
from flake8_naq.names.vocabulary import CLOSING_METHODS, HARMLESS_METHODS

# Builtins that make a container of their arguments, and methods that pass theirs on.
_CONTAINERS = frozenset(
    ["dict", "list", "tuple", "set", "frozenset", "enumerate", "zip", "reversed", "iter", "sorted"]
)
_HANDING_METHODS = frozenset(
    [
        "set",
        "set_result",
        "replace",
        "copy",
        "call_soon",
        "call_later",
        "call_at",
        "add_signal_handler",
        "add_done_callback",
    ]
)
# First words of the names of functions that close what they are given, and of those that keep or
# close it.
_CLOSING_WORDS = frozenset(["close", "disconnect", "drain"])
_KEEPING_WORDS = frozenset(
    [
        "set",
        "register",
        "init",
        "attach",
        "add",
        "store",
        "save",
        "put",
        "remember",
        "close",
        "stop",
        "shutdown",
        "cleanup",
        "teardown",
        "disconnect",
        "bind",
        "use",
    ]
)
# Those of functions that make something around what they are given.
_MAKING_WORDS = frozenset(
    ["start", "install", "setup", "configure", "make", "create", "build", "new", "get"]
)
# Functions that only look at their arguments, beside those that cannot raise.
_LOOKING = frozenset(["iscoroutinefunction", "iscoroutine", "isawaitable", "isfunction"])


class Arguments:
    """Lowers the calls of one scope by what becomes of their arguments."""

    def __init__(
        self,
        state: ScopeState,
        evaluator: Evaluator,
        bindings: Bindings,
        releases: Releases,
        derivations: Derivations,
    ) -> None:
        self._state = state
        self._builder = state.builder
        self._evaluator = evaluator
        self._bindings = bindings
        self._releases = releases
        self._derivations = derivations

    def lower(self, call: ResolvedCall) -> Place | None:
        """Lower a call: the place that holds its result."""
        if call.last == "result" and call.receiver in self._state.values.tasks:
            return self._task_result(call.node, call.receiver)
        self._use_receiver(call)
        if call.is_plain:
            self._close_by_name(call)
            if call.last == "getattr" and len(call.node.args) > 1:
                return self._looked_up(call.node)
        result: Place | None = None
        for argument in arguments_of(call.node):
            place = self._evaluator.value(argument, awaited=call.awaited)
            if place is not None:
                result = self._pass(call, argument, place, result)
        if call.last == "result" and call.receiver is not None and not call.node.args:
            return call.receiver
        return result

    def _task_result(self, node: ast.Call, task: Place) -> Place:
        for argument in arguments_of(node):
            self._evaluator.discard(argument)
        return self._bindings.result_of(task)

    def _use_receiver(self, call: ResolvedCall) -> None:
        function = call.node.func
        if call.receiver is not None and isinstance(function, ast.Attribute):
            expecting = self._state.around.expecting
            live = call.awaited and not expecting and call.last not in HARMLESS_METHODS
            self._builder.emit(Use(call.receiver, function.value, live))

    def _close_by_name(self, call: ResolvedCall) -> None:
        """The call of a nested function that closes, or of ``close = nc.close``."""
        if call.last in self._state.closures:
            for closed in self._state.closures[call.last].closes:
                self._releases.close(closed, call.node)
        owner = self._state.values.closers.get(call.last)
        if owner is not None:
            self._state.mention(owner, call.node.lineno)
            self._releases.close(owner, call.node)

    def _looked_up(self, node: ast.Call) -> Place | None:
        """``getattr(nc, "close", None)`` is the attribute; without a constant name it may be any."""
        owner, name = node.args[:2]
        place = self._evaluator.value(owner)
        for argument in node.args[1:]:
            self._evaluator.discard(argument)
        if place is None:
            return None
        if not isinstance(name, ast.Constant):
            self._builder.emit(Hand(place, node))
            return None
        self._builder.emit(Use(place, owner))
        return f"{place}.{name.value}" if name.value in CLOSING_METHODS else None

    def _pass(
        self, call: ResolvedCall, argument: ast.expr, place: Place, result: Place | None
    ) -> Place | None:
        """Pass one argument; the place of the result so far."""
        node = call.node
        if _wraps_arguments(call, argument) and place not in self._state.closures:
            return self._wrap(node, place, result)
        if place in self._state.values.fresh:
            return place  # an unknown wrapper around the acquiring call
        fate = None if is_closing_method(argument) else self._fate(call, argument)
        if fate.closes if fate is not None else _closes_by_name(call):
            self._releases.close(place, node)
            return result
        if fate is not None and fate.derives:
            return self._derivations.derive(node, place, argument, fate.derives)
        if fate is not None and not fate.keeps:
            self._builder.emit(Use(place, argument))
            return result
        effect = self._effect(call)
        pass_argument(self._state, argument, place, node, call.receiver, effect=effect)
        return self._wrap(node, place, result) if effect == "keeps" and not call.awaited else result

    def _wrap(self, node: ast.Call, place: Place, result: Place | None) -> Place:
        result = result or self._state.temporary(node)
        self._builder.emit(Wrap(result, place, node))
        return result

    def _effect(self, call: ResolvedCall) -> Effect:
        """The possible effect of an unknown call on its arguments."""
        if call.last.lstrip("_")[:1].isupper() or (
            call.is_method and call.last in _HANDING_METHODS
        ):
            return "keeps"
        if _only_looks(call):
            return "looks"
        if not call.awaited or self._state.around.detached:
            return "keeps"
        return self._effect_of_awaited(call)

    def _effect_of_awaited(self, call: ResolvedCall) -> Effect:
        words = set(call.last.lower().lstrip("_").split("_"))
        if words & _KEEPING_WORDS:
            return "keeps"
        if call.receiver is not None:
            # An imported name is a module or an object; neither closes a connection by its handle.
            return "keeps" if call.callee.name is None else "takes over"
        if words & _MAKING_WORDS:
            return "takes over" if self._is_discarded(call.node) else "keeps"
        return "uses"

    def _is_discarded(self, node: ast.Call) -> bool:
        """Whether a statement awaits a call and drops its result."""
        statement = self._state.around.statement
        return (
            isinstance(statement, ast.Expr)
            and isinstance(statement.value, ast.Await)
            and statement.value.value is node
        )

    def _fate(self, call: ResolvedCall, argument: ast.expr) -> ParameterFate | None:
        callees = self._state.context.callees
        return callees.fate(call.callee, call.node, argument, self._state.scope)


def _wraps_arguments(call: ResolvedCall, argument: ast.expr) -> bool:
    """Whether a call only makes something that holds its arguments: a container, a `partial`."""
    if call.awaited or is_closing_method(argument):
        return False
    return (call.is_plain and call.last in _CONTAINERS) or call.last == "partial"


def _only_looks(call: ResolvedCall) -> bool:
    return cannot_raise(call.node) or call.last in _LOOKING or call.last.startswith("assert")


def _closes_by_name(call: ResolvedCall) -> bool:
    """Whether a function of elsewhere closes its one argument by its name: ``close_bus(nc)``."""
    first = call.last.lstrip("_").partition("_")[0]
    return (
        call.callee.function is None
        and call.awaited
        and first in _CLOSING_WORDS
        and len(call.node.args) == 1
    )
