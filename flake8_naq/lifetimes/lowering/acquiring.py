"""Lowers the calls that open a connection."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from flake8_naq.lifetimes.cfg.graph import Acquire, Derive, Leave, Place, Use, Wrap
from flake8_naq.lifetimes.context import Acquirer, Context
from flake8_naq.lifetimes.facts import Derived, Flavour, Release, Site
from flake8_naq.lifetimes.lowering.expressions import Expressions
from flake8_naq.lifetimes.lowering.tasks import AwaitedTasks
from flake8_naq.names import Function, Scope


class Acquiring(Expressions):
    """Lowers the acquisitions of one scope.

    Attributes:
        expects_failure: The statement that is expected to raise.
        expecting: How many blocks around the current point expect their body to fail.
        managed_clients: The clients that a `with` closes.
        gathering: Whether the current call is one of several that run at once.
        in_task: Whether the current call runs in a task that nobody has awaited yet.
        detached: Whether it runs in one that nobody awaits in this scope.
        awaited_tasks: Which tasks the scope waits for.
    """

    def __init__(self, context: Context, scope: Scope) -> None:
        super().__init__(context, scope)
        self.expects_failure: ast.stmt | None = None
        self.managed_clients: set[Place] = set()
        self.expecting = 0
        self.gathering = False
        self.in_task = False
        self.detached = False
        self.awaited_tasks = AwaitedTasks(scope)
        # A node in a `finally` is lowered more than once and stays one fact.
        self._sites: dict[ast.Call, Site] = {}
        self._releases: dict[ast.Call, Release] = {}
        self._derived: dict[ast.Call, Derived] = {}

    def opens(self, node: ast.expr) -> bool:
        """Whether an expression is an acquiring call, so that who gets it will await it."""
        if not isinstance(node, ast.Call):
            return False
        name = self.context.names.resolve(node.func, self.scope)
        own = self.context.names.own_function(node.func, self.scope)
        if self.acquires(name, own, awaited=True):
            return True
        return any(self.opens(argument) for argument in node.args[:1])

    def put_off(self, target: ast.expr, value: ast.expr) -> bool:
        """Whether `target` is a name that is given acquiring calls without awaiting them."""
        call = value.elt if isinstance(value, (ast.ListComp, ast.GeneratorExp)) else value
        if not (isinstance(target, ast.Name) and isinstance(call, ast.Call)):
            return False
        name = self.context.names.resolve(call.func, self.scope)
        own = self.context.names.own_function(call.func, self.scope)
        if not self.acquires(name, own, awaited=True) or self.acquires(name, own, awaited=False):
            return False
        self.bind_place(target.id, None, None, element=False)
        self.coroutines[target.id] = value
        return True

    def acquires(self, name: str | None, own: Function | None, awaited: bool) -> Flavour | None:
        """Which kind of connection a call of this name (or own function) opens, if any."""
        vocabulary = self.context.vocabulary
        if own is not None:
            if own not in self.context.acquirers:
                return None
            if not awaited and isinstance(own, ast.AsyncFunctionDef):
                return None
            return vocabulary.connects(own.name) or "nats-py"
        if name is None or not (awaited or vocabulary.is_configured(name)):
            return None
        return vocabulary.connects(name)

    def acquire(self, node: ast.Call, flavour: Flavour, own: Function | None) -> Place:
        """Lower an acquiring call: the place that holds what it returns."""
        self._benign_arguments(node)
        if not self.gathering:
            self.may_raise(node)
        place = self.temporary(self.statement.end_lineno or node.lineno)
        site = self._site(node, flavour)
        acquirer = self.context.acquirers.get(own) if own is not None else None
        site.awaits_close = acquirer.awaits_close if acquirer else flavour == "nats-py"
        self.emit(Acquire(place, site))
        self.fresh.add(place)
        self.graph.sites.append((site, self.current))
        self.acquired[place] = site
        return self._returned_parts(node, place, acquirer) if acquirer else place

    def _returned_parts(self, node: ast.Call, place: Place, acquirer: Acquirer) -> Place:
        parts: list[Place | None] = []
        for returned in acquirer.returned:
            if returned is None:
                parts.append(None)
            elif returned == "connection":
                parts.append(place)
            else:
                part = self.temporary(self.statement.end_lineno or node.lineno)
                derived = Derived(returned, None, node, self.statement, None)
                self.emit(Derive(part, place, derived, node))
                self.derivations[part] = derived
                parts.append(part)
        if not acquirer.is_tuple:
            return place
        whole = self.temporary(self.statement.end_lineno or node.lineno)
        self.emit(Wrap(whole, place, node))
        self.parts[whole] = parts
        self.fresh.add(whole)
        return whole

    def connect_client(self, node: ast.Call, client: Place | None) -> Place | None:
        """Lower the `connect` of a client, None for one that has no name."""
        self._benign_arguments(node)
        self.may_raise(node, cancel=True)
        site = self._site(node, "nats-py")
        site.awaits_close = True
        place = client or self.temporary(self.statement.end_lineno or node.lineno)
        self.emit(Acquire(place, site))
        self.graph.sites.append((site, self.current))
        if client is None:
            self.fresh.add(place)
            self.acquired[place] = site
            return place
        site.handle = client
        site.managed = client in self.managed_clients
        self.mention(client.partition(".")[0], node.lineno)
        if not self.is_local(client):
            self.emit(Leave(client, "stored", node, client))
        nothing = self.temporary(node.lineno)
        self.fresh.add(nothing)
        return nothing

    def _site(self, node: ast.Call, flavour: Flavour) -> Site:
        if node not in self._sites:
            url = node.args[0] if node.args else None
            for keyword in node.keywords:
                if keyword.arg in ("servers", "url", "nats_url", "server") and url is None:
                    url = keyword.value
            site = Site(
                self.scope.node, self.scope.qualname, node, self.statement, None, url, flavour
            )
            if self.expects_failure is self.statement:
                site.owned = True
            if self.loops:
                site.in_loop = self.loops[-1]
            self._sites[node] = site
        return self._sites[node]

    def _benign_arguments(self, node: ast.Call) -> None:
        """Arguments of an acquisition: callbacks stay with the connection."""
        for argument in arguments_of(node):
            place = self.value(argument)
            if place is not None and place not in self.closures:
                self.emit(Use(place, argument))


def arguments_of(node: ast.Call) -> Iterator[ast.expr]:
    """What a call is given, by position and by keyword."""
    yield from node.args
    for keyword in node.keywords:
        yield keyword.value
