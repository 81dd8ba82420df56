"""Closures: the names that nested functions use and close."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from flake8_naq.names import Scope, dotted
from flake8_naq.names.vocabulary import CLOSING_METHODS, HARMLESS_METHODS

if TYPE_CHECKING:
    from flake8_naq.lifetimes.context import Context

# How many functions a use is followed through, one calling the other.
_DEEPEST_CHAIN = 4

Nested: TypeAlias = ast.Lambda | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(eq=False, slots=True)
class Closure:
    """A nested function, and its use of the names around it.

    Attributes:
        node: The function.
        names: Free names, with the places where they are loaded.
        called: Free names whose methods it calls, with one place of each.
        closes: Free names (or dotted attributes) that it closes, with the closing call.
        escapes: Its escapes: the node, and the place of the receiver that gets it (None for an
            unknown one).
        borrowed: Whether a call gets it that does not keep it.
    """

    node: Nested
    names: dict[str, list[ast.expr]] = field(default_factory=dict)
    called: dict[str, ast.expr] = field(default_factory=dict)
    closes: dict[str, ast.Call] = field(default_factory=dict)
    escapes: list[tuple[ast.AST, str | None]] = field(default_factory=list)
    borrowed: bool = False

    def note_call(self, call: ast.Call, closed: str | None, own: set[str]) -> None:
        """Note a call in the function, what it closes, and the names that are the function's own."""
        if closed is not None and closed.partition(".")[0] not in own:
            self.closes[closed] = call
        receiver = _live_receiver(call)
        if receiver is not None and receiver.id not in own:
            self.called.setdefault(receiver.id, receiver)


def captured_by(node: Nested, context: Context, scope: Scope) -> Closure:
    """Look into a nested function (and what is nested in it)."""
    closure = Closure(node)
    own: set[str] = set()
    bodies = node.body if isinstance(node.body, list) else [node.body]
    inner = context.names.scope_of(node)
    own.update(set(inner.bound) - inner.declared)
    stack: list[ast.AST] = list(bodies)
    while stack:
        child = stack.pop()
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Load):
            if child.id not in own:
                closure.names.setdefault(child.id, []).append(child)
        elif isinstance(child, ast.Call):
            closure.note_call(child, _closed_by(child, context, inner), own)
        stack.extend(ast.iter_child_nodes(child))
    return closure


def join_closures(closures: dict[str, Closure]) -> None:
    """Let a nested function that uses another one use what that one uses, a few levels deep."""
    calling = [
        (closure, [closures[name] for name in closure.names if name in closures])
        for closure in closures.values()
        if not closures.keys().isdisjoint(closure.names)
    ]
    for _ in range(_DEEPEST_CHAIN):
        gained = [
            (closure, {name: nodes for name, nodes in _used_by(called) if name not in closures})
            for closure, called in calling
        ]
        for closure, names in gained:
            closure.names = names | closure.names


def _used_by(closures: list[Closure]) -> Iterator[tuple[str, list[ast.expr]]]:
    for closure in closures:
        yield from closure.names.items()


def _live_receiver(call: ast.Call) -> ast.Name | None:
    """The name whose method a call calls, when that needs an open connection."""
    match call.func:
        case ast.Attribute(value=ast.Name() as receiver, attr=method):
            return receiver if method not in HARMLESS_METHODS else None
    return None


def _closed_by(call: ast.Call, context: Context, scope: Scope) -> str | None:
    function = call.func
    if isinstance(function, ast.Attribute) and function.attr in CLOSING_METHODS and not call.args:
        return dotted(function.value)
    name = context.names.resolve(function, scope)
    if name is not None and context.vocabulary.closes(name) and call.args:
        return dotted(call.args[0])
    # `loop.call_soon(nc.close)`
    for argument in call.args:
        if isinstance(argument, ast.Attribute) and argument.attr in CLOSING_METHODS:
            return dotted(argument.value)
    return None
