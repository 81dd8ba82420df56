"""Lowers `with` statements: some managers close, some swallow exceptions, some yield a handle."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TypeAlias

from flake8_naq.lifetimes.callees import Callee
from flake8_naq.lifetimes.cfg.graph import (
    Acquire,
    BasicBlock,
    Close,
    Derive,
    Manage,
    Place,
    Wrap,
)
from flake8_naq.lifetimes.facts import Derived, Release, Returned, Site
from flake8_naq.lifetimes.lowering.acquisitions import arguments_of
from flake8_naq.lifetimes.lowering.exception_names import (
    CANCELLATION,
    ERRORS,
    EVERYTHING,
    exception_names,
)
from flake8_naq.lifetimes.lowering.expressions import Expressions
from flake8_naq.lifetimes.lowering.handlers import LowerStatements
from flake8_naq.lifetimes.lowering.scope_state import ScopeState
from flake8_naq.names import dotted
from flake8_naq.names.vocabulary import HandleKind

With: TypeAlias = ast.With | ast.AsyncWith

# Context managers that expect their body to fail, and those that swallow what they are given.
_EXPECTING = frozenset({"raises", "assertRaises", "assertRaisesRegex", "RaisesGroup"})
_SWALLOWING = _EXPECTING | {"suppress"}
_CLOSING = frozenset({"aclosing", "closing"})
# Async context managers that wait for nothing when they are entered.
_ENTERED_AT_ONCE = frozenset({"timeout", "timeout_at"})


class WithStatements:
    """Lowers the `with` statements of one scope."""

    def __init__(
        self, state: ScopeState, expressions: Expressions, lower_statements: LowerStatements
    ) -> None:
        self._state = state
        self._builder = state.builder
        self._expressions = expressions
        self._bindings = expressions.bindings
        self._lower_statements = lower_statements

    def lower(self, node: With) -> None:
        """Lower a `with` statement."""
        self._items(node, node.items)

    def _items(self, node: With, items: Sequence[ast.withitem]) -> None:
        """Lower the items, then the body."""
        if not items:
            self._lower_statements(node.body)
            return
        item, rest = items[0], items[1:]
        called = _called_name(item.context_expr)
        if called in _SWALLOWING:
            self._swallowing(node, item.context_expr, called, rest)
            return
        place = self._taken_over(item)
        if place is None:
            self._unknown_manager(node, item, rest)
            return
        self._state.mention(place, node.end_lineno or node.lineno)
        release = Release(_a_call(item.context_expr), node, "close", in_finally=True)
        # `closing` does not await the close that it calls; `aclosing` calls an `aclose`. Neither
        # closes a client of nats-py.
        idle = called in _CLOSING
        self._builder.emit(Manage(place, idle))
        self._builder.finally_run(
            lambda: self._items(node, rest),
            lambda: self._builder.emit(Close(place, release, idle=idle)),
        )

    def _swallowing(
        self, node: With, expression: ast.expr, called: str, rest: Sequence[ast.withitem]
    ) -> None:
        builder, around = self._builder, self._state.around
        after, raised, cancelled = BasicBlock(), BasicBlock(), BasicBlock()
        arguments = expression.args if isinstance(expression, ast.Call) else []
        for argument in arguments:
            self._expressions.discard(argument)
        swallowed = frozenset().union(*(exception_names(argument) for argument in arguments))
        if called in _EXPECTING:
            around.expects_failure = node.body[-1]
            around.expecting += 1
        builder.catching(raised, cancelled, lambda: self._items(node, rest))
        if called in _EXPECTING:
            around.expects_failure = None
            around.expecting -= 1
        builder.go(after)
        raised.successors.append(after)
        if not swallowed & (ERRORS | EVERYTHING):
            builder.propagate(raised, "raise")
        if swallowed & (CANCELLATION | EVERYTHING):
            cancelled.successors.append(after)
        else:
            builder.propagate(cancelled, "cancel")
        builder.start(after)

    def _taken_over(self, item: ast.withitem) -> Place | None:
        """The connection that the item closes at the end, bound to the item's name."""
        expression, target = item.context_expr, item.optional_vars
        if isinstance(expression, ast.Call):
            return self._managed_call(expression, target)
        place = self._expressions.value(expression)
        awaited_unknown = (
            isinstance(expression, ast.Await) and place not in self._state.values.acquired
        )
        if target is not None and (place is not None or awaited_unknown):
            self._bindings.bind(target, place, None)
        return place

    def _managed_call(self, call: ast.Call, target: ast.expr | None) -> Place | None:
        context, scope = self._state.context, self._state.scope
        callee = context.callees.of(call.func, scope)
        if callee.manages or callee.yields or callee.configured:
            return self._leased(call, callee, target)
        if _called_name(call) in _CLOSING and call.args:
            place = self._expressions.value(call.args[0])
            if place is not None and target is not None:
                self._bindings.bind(target, place, None)
            return place
        if context.is_client(call, scope) and isinstance(target, ast.Name):
            self._bindings.bind(target, None, call)
            self._state.values.managed_clients.add(target.id)
            return target.id
        return None

    def _leased(self, call: ast.Call, callee: Callee, target: ast.expr | None) -> Place:
        """A context manager that opens and closes by itself."""
        for argument in arguments_of(call):
            self._expressions.discard(argument)
        self._builder.may_raise(call, cancel=True)
        place = self._state.temporary(call)
        scope, statement = self._state.scope, self._state.around.statement
        site = Site(scope.node, scope.qualname, call, statement, None, None, "naq")
        site.managed = True
        self._builder.emit(Acquire(place, site))
        self._builder.graph.sites.append((site, self._builder.current))
        if target is not None:
            self._bindings.bind(target, self._yielded(call, callee, place, site), None)
        return place

    def _yielded(self, call: ast.Call, callee: Callee, place: Place, site: Site) -> Place:
        """The place of what the context manager yields."""
        parts = _yielded_parts(callee)
        if parts == ("kv",):
            bucket = call.args[0] if call.args else None
            return self._yielded_handle(place, "kv", call, bucket)
        self._state.values.acquired[place] = site
        if len(parts) == 1:
            return place
        pair = self._state.temporary(call)
        self._builder.emit(Wrap(pair, place, call))
        self._state.values.parts[pair] = [self._yielded_part(call, place, part) for part in parts]
        return pair

    def _yielded_part(self, call: ast.Call, place: Place, part: Returned) -> Place | None:
        if part is None or part == "connection":
            return place if part else None
        return self._yielded_handle(place, part, call)

    def _yielded_handle(
        self, place: Place, kind: HandleKind, call: ast.Call, bucket: ast.expr | None = None
    ) -> Place:
        derived = Derived(kind, None, call, self._state.around.statement, None, bucket)
        handle = self._state.temporary(call)
        self._builder.emit(Derive(handle, place, derived, call))
        self._state.values.derivations[handle] = derived
        return handle

    def _unknown_manager(
        self, node: With, item: ast.withitem, rest: Sequence[ast.withitem]
    ) -> None:
        expression = item.context_expr
        is_async = isinstance(node, ast.AsyncWith)
        place = self._expressions.value(expression) if isinstance(expression, ast.Call) else None
        if is_async and _called_name(expression) not in _ENTERED_AT_ONCE:
            self._builder.may_raise(expression, cancel=True)
        if item.optional_vars is not None:
            self._bindings.bind(item.optional_vars, place, None)
        self._items(node, rest)
        if is_async:
            self._builder.may_raise(node, cancel=True)


def _yielded_parts(callee: Callee) -> tuple[Returned, ...]:
    """The value that a context manager yields: the project's by its code, naq's by its name."""
    if callee.yields is not None:
        return callee.yields.returned
    last = (callee.name or "").rpartition(".")[2]
    if last == "nats_kv_store":
        return ("kv",)
    return ("connection", "jetstream") if last == "nats_jetstream" else ("connection",)


def _called_name(expression: ast.expr) -> str:
    if not isinstance(expression, ast.Call):
        return ""
    return (dotted(expression.func) or "").rpartition(".")[2]


def _a_call(expression: ast.expr) -> ast.Call:
    """A call that stands for the closing that a `with` does."""
    call = expression.value if isinstance(expression, ast.Await) else expression
    if isinstance(call, ast.Call):
        return call
    return ast.copy_location(ast.Call(expression, [], []), expression)
