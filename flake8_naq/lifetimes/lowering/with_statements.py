"""Lowers `with` statements: who closes, who swallows, what is yielded."""

from __future__ import annotations

import ast
from abc import abstractmethod
from collections.abc import Sequence
from typing import TypeAlias

from flake8_naq.lifetimes.cfg.graph import (
    Acquire,
    BasicBlock,
    Close,
    Derive,
    Manage,
    Place,
    Wrap,
)
from flake8_naq.lifetimes.facts import Derived, Release, Site
from flake8_naq.lifetimes.lowering.calls import Calls
from flake8_naq.lifetimes.lowering.exception_names import (
    CANCELLATION,
    ERRORS,
    EVERYTHING,
    exception_names,
)
from flake8_naq.names import dotted

_With: TypeAlias = ast.With | ast.AsyncWith

# Context managers that expect their body to fail, and those that swallow what they are given.
_EXPECTING = frozenset({"raises", "assertRaises", "assertRaisesRegex", "RaisesGroup"})
_SWALLOWING = _EXPECTING | {"suppress"}
_CLOSING = frozenset({"aclosing", "closing"})
# Async context managers that wait for nothing when they are entered.
_ENTERED_AT_ONCE = frozenset({"timeout", "timeout_at"})


class ContextManagers(Calls):
    """Lowers the `with` statements of one scope."""

    @abstractmethod
    def block(self, statements: Sequence[ast.stmt]) -> None:
        """Lower statements one after the other."""

    def with_items(self, node: _With, items: Sequence[ast.withitem]) -> None:
        """Lower the items, then the body."""
        if not items:
            self.block(node.body)
            return
        item, rest = items[0], items[1:]
        called = _called_name(item.context_expr)
        if called in _SWALLOWING:
            self._swallowing(node, item.context_expr, called, rest)
            return
        place = self._taken_over(item)
        if place is None:
            self._ordinary_manager(node, item, rest)
            return
        self.mention(place.partition(".")[0], node.end_lineno or node.lineno)
        release = Release(_a_call(item.context_expr), node, "close", in_finally=True)
        # `contextlib.closing` calls a close that is to be awaited, and does not await it.
        idle = called == "closing"
        self.emit(Manage(place, idle))
        self.finally_run(
            lambda: self.with_items(node, rest),
            lambda: self.emit(Close(place, release, idle=idle)),
        )

    def hand_on(self, block: BasicBlock, way: str) -> None:
        """Let what arrives at a block go on outwards as an exception or a cancellation."""
        kept = self.current
        self.start(block)
        self.go(self.exceptional("raise" if way == "raise" else "cancel"))
        self.start(kept)

    def _swallowing(
        self, node: _With, expression: ast.expr, called: str, rest: Sequence[ast.withitem]
    ) -> None:
        after, raised, cancelled = BasicBlock(), BasicBlock(), BasicBlock()
        arguments = expression.args if isinstance(expression, ast.Call) else []
        for argument in arguments:
            self.discard(argument)
        swallowed = frozenset().union(*(exception_names(argument) for argument in arguments))
        if called in _EXPECTING:
            self.expects_failure = node.body[-1]
            self.expecting += 1
        self.catching(raised, cancelled, lambda: self.with_items(node, rest))
        if called in _EXPECTING:
            self.expects_failure = None
            self.expecting -= 1
        self.go(after)
        raised.successors.append(after)
        if not swallowed & (ERRORS | EVERYTHING):
            self.hand_on(raised, "raise")
        if swallowed & (CANCELLATION | EVERYTHING):
            cancelled.successors.append(after)
        else:
            self.hand_on(cancelled, "cancel")
        self.start(after)

    def _taken_over(self, item: ast.withitem) -> Place | None:
        """The connection that the item closes at the end, bound to the item's name."""
        expression, target = item.context_expr, item.optional_vars
        if isinstance(expression, ast.Call):
            name = self.context.names.resolve(expression.func, self.scope)
            if name is not None and self.context.vocabulary.manages(name):
                return self._leased(expression, name.rpartition(".")[2], target)
            if _called_name(expression) in _CLOSING and expression.args:
                place = self.value(expression.args[0])
            elif self.context.is_client(expression, self.scope) and isinstance(target, ast.Name):
                self.bind(target, None, expression)
                self.managed_clients.add(target.id)
                return target.id
            else:
                return None
        elif isinstance(expression, ast.Await):
            place = self.value(expression)
            if place not in self.acquired:
                if target is not None:
                    self.bind(target, place, None)
                return place
        else:
            place = self.value(expression)
        if place is not None and target is not None:
            self.bind(target, place, None)
        return place

    def _leased(self, call: ast.Call, manager: str, target: ast.expr | None) -> Place:
        """A context manager that opens and closes by itself."""
        for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
            self.discard(argument)
        self.may_raise(call, cancel=True)
        line = self.statement.end_lineno or call.lineno
        place = self.temporary(line)
        site = Site(self.scope.node, self.scope.qualname, call, self.statement, None, None, "naq")
        site.managed = True
        self.emit(Acquire(place, site))
        self.graph.sites.append((site, self.current))
        if target is None:
            return place
        if manager == "nats_kv_store":
            bucket = call.args[0] if call.args else None
            derived = Derived("kv", None, call, self.statement, None, bucket)
            self.bind(target, self._yielded_handle(place, derived, call), None)
        elif manager == "nats_jetstream":
            derived = Derived("jetstream", None, call, self.statement, None, None)
            handle = self._yielded_handle(place, derived, call)
            pair = self.temporary(line)
            self.emit(Wrap(pair, place, call))
            self.parts[pair] = [place, handle]
            self.acquired[place] = site
            self.bind(target, pair, None)
        else:
            self.acquired[place] = site
            self.bind(target, place, None)
        return place

    def _yielded_handle(self, place: Place, derived: Derived, call: ast.Call) -> Place:
        handle = self.temporary(self.statement.end_lineno or call.lineno)
        self.emit(Derive(handle, place, derived, call))
        self.derivations[handle] = derived
        return handle

    def _ordinary_manager(
        self, node: _With, item: ast.withitem, rest: Sequence[ast.withitem]
    ) -> None:
        expression = item.context_expr
        is_async = isinstance(node, ast.AsyncWith)
        place = self.value(expression) if isinstance(expression, ast.Call) else None
        if is_async and _called_name(expression) not in _ENTERED_AT_ONCE:
            self.may_raise(expression, cancel=True)
        if item.optional_vars is not None:
            self.bind(item.optional_vars, place, None)
        self.with_items(node, rest)
        if is_async:
            self.may_raise(node, cancel=True)


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
