"""How a function hands out the connection that it opens: returned or yielded, alone or in a tuple."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from flake8_naq.lifetimes.callees import Acquirer
from flake8_naq.lifetimes.dataflow.trace import Trace
from flake8_naq.lifetimes.facts import EscapeKind, Returned
from flake8_naq.names import Scope, dotted, own_nodes, parameters_of
from flake8_naq.names.vocabulary import CLOSING_METHODS

# Methods that keep what they are given: a context variable, a dictionary, a registry.
_KEEPING_METHODS = frozenset(["set", "put", "add", "append", "setdefault", "update", "register"])


def acquirer_of(traces: list[Trace], scope: Scope) -> Acquirer | None:
    """How a function hands out the connection that it opens, None when it keeps a hand on it.

    One that opens a connection in several branches hands it out when each of them does, alike.
    """
    given = parameters_of(scope.node)
    for trace in traces:
        if trace.site.handle in given:
            return None  # `if nc is None: nc = await connect()` hands back the caller's own as well
        closed = trace.releases and not trace.escaped_at_end
        if closed or _ways_out(trace) != {"returned"} or _is_kept(trace, scope):
            return None
    return _handed_out(traces, _values(scope, ast.Return))


def manager_of(traces: list[Trace], scope: Scope) -> Acquirer | None:
    """The connection that a generator context manager yields, None for any other value."""
    if any(_ways_out(trace) != {"yielded"} for trace in traces):
        return None
    return _handed_out(traces, _values(scope, ast.Yield))


def class_manager_of(traces: list[Trace], enter: Scope, leave: Scope) -> Acquirer | None:
    """The connection that ``__aenter__`` returns, if ``__aexit__`` closes it."""
    closed = {
        dotted(call.func.value)
        for call in leave.calls
        if isinstance(call.func, ast.Attribute) and call.func.attr in CLOSING_METHODS
    }
    for trace in traces:
        if closed.isdisjoint([trace.site.handle, *trace.stored_in]):
            return None
    return _handed_out(traces, _values(enter, ast.Return))


def _ways_out(trace: Trace) -> set[EscapeKind]:
    return {escape.kind for escape in trace.escapes.values()} - {"argument"}


def _is_kept(trace: Trace, scope: Scope) -> bool:
    """Whether the connection goes to a method that keeps it, such as a context variable's `set`."""
    handed = {escape.node for escape in trace.escapes.values() if escape.kind == "argument"}
    return any(
        isinstance(call.func, ast.Attribute)
        and call.func.attr in _KEEPING_METHODS
        and not handed.isdisjoint(call.args)
        for call in scope.calls
    )


def _values(scope: Scope, leaving: type[ast.Return | ast.Yield]) -> Iterator[ast.expr]:
    """All values that a function returns or yields, except None."""
    for node in own_nodes(scope.node):
        if isinstance(node, leaving) and node.value is not None and not _is_nothing(node.value):
            yield node.value


def _is_nothing(value: ast.expr) -> bool:
    """Whether a value holds nothing: ``None``, or a tuple of it."""
    parts = value.elts if isinstance(value, ast.Tuple) else [value]
    return all(isinstance(part, ast.Constant) and part.value is None for part in parts)


def _handed_out(traces: list[Trace], values: Iterator[ast.expr]) -> Acquirer | None:
    """The common kind of all these values, None when they differ or one is unknown."""
    holders = [_Holders(trace) for trace in traces]
    found: set[Acquirer | None] = set()
    for value in values:
        held = {acquirer for holder in holders if (acquirer := holder.held_by(value))}
        found |= held or {None}
    return found.pop() if len(found) == 1 else None


class _Holders:
    """Which expressions of a function hold one of its connections, or a handle of it."""

    def __init__(self, trace: Trace) -> None:
        self._site = trace.site
        self._names: dict[str, Returned] = {}
        if trace.site.handle is not None:
            self._names[trace.site.handle] = "connection"
        for derived in trace.derived:
            if derived.name is not None:
                self._names[derived.name] = derived.kind
        self._calls: dict[ast.expr, Returned] = {
            derived.call: derived.kind for derived in trace.derived
        }

    def held_by(self, value: ast.expr) -> Acquirer | None:
        """The part of the connection that an expression holds, None for no part."""
        if isinstance(value, ast.Tuple):
            parts = tuple(self._part(part) for part in value.elts)
            return self._acquirer(parts, True) if "connection" in parts else None
        if self._names.get(dotted(value) or "") == "connection":
            return self._acquirer(("connection",), False)
        if _is_the_call(_unwrapped(value), self._site.call):
            whole: tuple[Returned, ...] = self._site.returned or ("connection",)
            return self._acquirer(whole, bool(self._site.returned))
        return None

    def _part(self, node: ast.expr) -> Returned:
        if _is_the_call(_unwrapped(node), self._site.call):
            return "connection"
        return self._calls.get(_unwrapped(node)) or self._names.get(dotted(node) or "")

    def _acquirer(self, parts: tuple[Returned, ...], is_tuple: bool) -> Acquirer:
        return Acquirer(parts, is_tuple, self._site.awaits_close)


def _is_the_call(node: ast.expr, call: ast.Call) -> bool:
    """Whether an expression is the acquiring call, perhaps inside `wait_for` and the like."""
    while node is not call:
        if not isinstance(node, ast.Call) or not node.args:
            return False
        node = _unwrapped(node.args[0])
    return True


def _unwrapped(node: ast.expr) -> ast.expr:
    return node.value if isinstance(node, ast.Await) else node
