"""Lowers the calls that open a connection."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from flake8_naq.lifetimes.callees import Acquirer, Callee
from flake8_naq.lifetimes.cfg.graph import Acquire, Derive, Leave, Place, Use, Wrap
from flake8_naq.lifetimes.facts import Derived, Site
from flake8_naq.lifetimes.lowering.bindings import Bindings
from flake8_naq.lifetimes.lowering.scope_state import Evaluator, ScopeState
from flake8_naq.names import dotted
from flake8_naq.names.vocabulary import Flavour


class Acquisitions:
    """Lowers the acquisitions of one scope."""

    def __init__(self, state: ScopeState, evaluator: Evaluator, bindings: Bindings) -> None:
        self._state = state
        self._builder = state.builder
        self._values = state.values
        self._evaluator = evaluator
        self._bindings = bindings

    def opens(self, node: ast.expr) -> bool:
        """Whether an expression is an acquiring call, whose receiver will await it."""
        if not isinstance(node, ast.Call):
            return False
        if self._flavour_of(node, awaited=True):
            return True
        return any(self.opens(argument) for argument in node.args[:1])

    def defer(self, target: ast.expr, value: ast.expr) -> bool:
        """Note a name that is bound to acquiring calls which nothing awaits yet.

        Returns:
            Whether it is one.
        """
        call = value.elt if isinstance(value, (ast.ListComp, ast.GeneratorExp)) else value
        if not (isinstance(target, ast.Name) and isinstance(call, ast.Call)):
            return False
        if not self._flavour_of(call, awaited=True) or self._flavour_of(call, awaited=False):
            return False
        self._bindings.bind_place(target.id, None, None)
        self._values.coroutines[target.id] = value
        return True

    def acquire(self, node: ast.Call, flavour: Flavour, callee: Callee) -> Place:
        """Lower an acquiring call: the place that holds what it returns."""
        self._arguments(node)
        if not self._state.around.gathering:
            self._builder.may_raise(node)
        place = self._state.temporary(node)
        site = self._site(node, flavour)
        acquirer = callee.acquirer
        site.factory = callee.factory
        site.opener = dotted(node.func) or ""
        site.configured = callee.configured
        site.manager = self._state.context.vocabulary.manager_option
        site.returned = acquirer.returned if acquirer and acquirer.is_tuple else ()
        site.awaits_close = acquirer.awaits_close if acquirer else flavour == "nats-py"
        self._open(place, site)
        self._values.fresh.add(place)
        self._values.acquired[place] = site
        return self._returned_parts(node, place, acquirer) if acquirer else place

    def is_client_connect(self, node: ast.Call, awaited: bool) -> bool:
        """Whether a call is the awaited ``connect`` of a client that is not connected yet."""
        function = node.func
        if not (awaited and isinstance(function, ast.Attribute) and function.attr == "connect"):
            return False
        context, scope = self._state.context, self._state.scope
        client = dotted(function.value)
        if client is not None:
            return context.holds_client(client, scope)
        return context.is_client(function.value, scope)

    def connect_client(self, node: ast.Call) -> Place | None:
        """Lower the ``connect`` of a client, which may have no name."""
        client = dotted(node.func.value) if isinstance(node.func, ast.Attribute) else None
        self._arguments(node)
        self._builder.may_raise(node, cancel=True)
        site = self._site(node, "nats-py")
        site.awaits_close = True
        place = client or self._state.temporary(node)
        self._open(place, site)
        if client is None:
            self._values.fresh.add(place)
            self._values.acquired[place] = site
            return place
        site.handle = client
        site.managed = client in self._values.managed_clients
        self._state.mention(client, node.lineno)
        if not self._bindings.is_local(client):
            self._builder.emit(Leave(client, "stored", node, client))
        nothing = self._builder.temporary(node.lineno)
        self._values.fresh.add(nothing)
        return nothing

    def _flavour_of(self, call: ast.Call, *, awaited: bool) -> Flavour | None:
        callee = self._state.context.callees.of(call.func, self._state.scope)
        return opened_by(callee, awaited)

    def _open(self, place: Place, site: Site) -> None:
        self._builder.emit(Acquire(place, site))
        self._builder.graph.sites.append((site, self._builder.current))

    def _returned_parts(self, node: ast.Call, place: Place, acquirer: Acquirer) -> Place:
        parts: list[Place | None] = []
        for returned in acquirer.returned:
            if returned is None:
                parts.append(None)
            elif returned == "connection":
                parts.append(place)
            else:
                part = self._state.temporary(node)
                derived = Derived(returned, None, node, self._state.around.statement, None)
                self._builder.emit(Derive(part, place, derived, node))
                self._values.derivations[part] = derived
                parts.append(part)
        if not acquirer.is_tuple:
            return place
        whole = self._state.temporary(node)
        self._builder.emit(Wrap(whole, place, node))
        self._values.parts[whole] = parts
        self._values.fresh.add(whole)
        return whole

    def _site(self, node: ast.Call, flavour: Flavour) -> Site:
        around = self._state.around
        site = self._state.facts.site(node, around.statement, flavour)
        if around.expects_failure is around.statement:
            site.owned = True
        if around.loops:
            site.in_loop = around.loops[-1]
        return site

    def _arguments(self, node: ast.Call) -> None:
        """Arguments of an acquisition: callbacks stay with the connection."""
        for argument in arguments_of(node):
            place = self._evaluator.value(argument)
            if place is not None and place not in self._state.closures:
                self._builder.emit(Use(place, argument))


def opened_by(callee: Callee, awaited: bool) -> Flavour | None:
    """Which kind of connection a call opens, None for no connection."""
    if awaited or callee.configured:
        return callee.flavour
    is_coroutine = callee.function is None or isinstance(callee.function.node, ast.AsyncFunctionDef)
    return None if callee.acquirer is None or is_coroutine else callee.flavour


def arguments_of(node: ast.Call) -> Iterator[ast.expr]:
    """The arguments of a call, by position and by keyword."""
    yield from node.args
    for keyword in node.keywords:
        yield keyword.value
