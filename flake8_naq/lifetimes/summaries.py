"""What the functions of a module do with connections, followed one level."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from flake8_naq.lifetimes.context import Acquirer, Context, ParameterFate, Returned
from flake8_naq.lifetimes.dataflow.propagation import Propagation
from flake8_naq.lifetimes.dataflow.trace import Trace
from flake8_naq.lifetimes.facts import Site
from flake8_naq.lifetimes.lowering import lower_scope
from flake8_naq.names import Function, Scope, dotted, own_nodes


class Fates:
    """Works out, once for each, what becomes of a connection that a function is given."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: dict[tuple[Function, str], ParameterFate] = {}

    def of(self, function: Function, parameter: str) -> ParameterFate:
        """The fate of what goes to the parameter of this name."""
        key = (function, parameter)
        if key not in self._known:
            # A function that calls itself, or others in turn, is not followed further.
            self._known[key] = ParameterFate(keeps=True)
            self._known[key] = self._work_out(function, parameter)
        return self._known[key]

    def _work_out(self, function: Function, parameter: str) -> ParameterFate:
        scope = self._context.names.scopes[function]
        one_level = Context(self._context.names, self._context.vocabulary)
        lowered = lower_scope(one_level, scope)
        stand_in = ast.Call(ast.Name(parameter, ast.Load()), [], [])
        site = Site(function, scope.qualname, stand_in, function, parameter, None, "naq")
        trace = Propagation(lowered.graph, site).from_entry(parameter)
        kinds = {escape.kind for escape in trace.escapes.values()}
        captured = any(
            parameter in closure.names and closure.escapes for closure in lowered.closures.values()
        )
        closes = any(release.matches for release in trace.releases)
        derives = None
        if kinds == {"returned"} and len(trace.derived) == 1:
            derives = next(iter(trace.derived)).kind
        keeps = bool(kinds - {"container"}) or captured or trace.closer_handed_on
        return ParameterFate(closes, keeps and not derives, derives)


def acquirer_of(traces: list[Trace], scope: Scope) -> Acquirer | None:
    """How a function hands out the one connection that it opens, None when it keeps a hand on it."""
    if len(traces) != 1 or scope.yields or not _only_returns(traces[0]):
        return None
    trace = traces[0]
    awaits_close = trace.site.awaits_close
    holders = _Holders(trace)
    returned = {escape.node for escape in trace.escapes.values() if escape.kind == "returned"}
    for value in _return_values(scope):
        if isinstance(value, ast.Tuple):
            parts = tuple(holders.of(part) for part in value.elts)
            if "connection" in parts:
                return Acquirer(parts, True, awaits_close)
        elif value in returned and holders.is_connection(value):
            return Acquirer(("connection",), False, awaits_close)
    return None


def _only_returns(trace: Trace) -> bool:
    """Whether the connection leaves its function by a `return` alone, and open."""
    kinds = {escape.kind for escape in trace.escapes.values()}
    return kinds - {"argument"} == {"returned"} and (not trace.releases or trace.escaped_at_end)


def _return_values(scope: Scope) -> Iterator[ast.expr]:
    for node in own_nodes(scope.node):
        if isinstance(node, ast.Return) and node.value is not None:
            yield node.value


class _Holders:
    """Which expressions of a function hold its connection, or a handle of it."""

    def __init__(self, trace: Trace) -> None:
        self._call = trace.site.call
        self._names: dict[str, Returned] = {}
        if trace.site.handle is not None:
            self._names[trace.site.handle] = "connection"
        for derived in trace.derived:
            if derived.name is not None:
                self._names[derived.name] = derived.kind
        self._calls: dict[ast.expr, Returned] = {
            derived.call: derived.kind for derived in trace.derived
        }

    def of(self, node: ast.expr) -> Returned:
        """What an expression holds."""
        return self._calls.get(_unwrapped(node)) or self._names.get(dotted(node) or "")

    def is_connection(self, node: ast.expr) -> bool:
        """Whether an expression holds the connection, by name or as the acquiring call itself."""
        if self._names.get(dotted(node) or "") == "connection":
            return True
        return _gives_the_connection(_unwrapped(node), self._call)


def _gives_the_connection(node: ast.expr, call: ast.Call) -> bool:
    """Whether an expression is the acquiring call, perhaps inside `wait_for` and the like."""
    while node is not call:
        if not isinstance(node, ast.Call) or not node.args:
            return False
        node = _unwrapped(node.args[0])
    return True


def _unwrapped(node: ast.expr) -> ast.expr:
    return node.value if isinstance(node, ast.Await) else node
