"""Finds code that cannot reach a connection: it may run before or after the close."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

from flake8_naq.migrate.prove.followed import Followed
from flake8_naq.migrate.prove.nodes import Node

_BUILTINS = frozenset(dir(builtins))
_INNER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
# Methods that give another handle of the connection.
_DERIVING = frozenset(
    [
        "jetstream",
        "jsm",
        "key_value",
        "create_key_value",
        "object_store",
        "create_object_store",
        "subscribe",
        "pull_subscribe",
        "pull_subscribe_bind",
        "subscribe_bind",
        "watch",
        "watchall",
    ]
)
_SUBSCRIBING = frozenset({"subscribe", "subscribe_bind"})
_STARTING = frozenset(
    [
        "create_task",
        "ensure_future",
        "gather",
        "start_soon",
        "call_soon",
        "call_later",
        "TaskGroup",
        "run_coroutine_threadsafe",
        "add_done_callback",
        "add_signal_handler",
        "Thread",
        "wait",
    ]
)
_QUIET_OPS = frozenset({"atom", "test"})
_ENTERING = frozenset({"enter", "exit", "next", "iter"})


class Reach:
    """The reach of the code of one function.

    Attributes:
        at_work: Whether a subscription with a callback, or a task, runs beside the function.
        escaped: Whether other code may hold the connection.
    """

    def __init__(self, nodes: list[ast.AST], followed: Followed) -> None:
        self._nodes = nodes
        self._tainted = set(followed.handles)
        self._spread()
        self._closures = set(self._named_in_closures())
        self._own = set(self._bound()) | followed.parameters
        self.at_work = any(map(self._starts_work, self._nodes))
        self.escaped = any(map(self._escapes, self._nodes)) or bool(
            self._closures & followed.handles
        )

    def _spread(self) -> None:
        """Follow what is made of a handle into other names."""
        grown = True
        while grown:
            size = len(self._tainted)
            for node in self._nodes:
                self._take_in(node)
            grown = len(self._tainted) > size

    def _take_in(self, node: ast.AST) -> None:
        match node:
            case ast.Assign(targets=targets, value=value) if self._gives(value):
                for target in targets:
                    self._tainted |= _stored(target)
            case ast.AnnAssign(target=target, value=ast.expr() as value) if self._gives(value):
                self._tainted |= _stored(target)
            case ast.NamedExpr(target=target, value=value) if self._gives(value):
                self._tainted |= _stored(target)
            case ast.withitem(context_expr=value, optional_vars=ast.expr() as target) if (
                self._gives(value)
            ):
                self._tainted |= _stored(target)
            case (
                ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
            ) if self._names(node):
                self._tainted.add(name)

    def _names(self, node: ast.AST) -> bool:
        return any(
            isinstance(part, ast.Name) and part.id in self._tainted for part in ast.walk(node)
        )

    def _gives(self, value: ast.expr) -> bool:
        """Whether a value may hold the connection."""
        while isinstance(value, ast.Await):
            value = value.value
        match value:
            case ast.Call(func=ast.Attribute(value=owner, attr=method), args=args):
                given = any(self._names(argument) for argument in args)
                return given or (method in _DERIVING and self._names(owner))
            case ast.Attribute():
                return False
        return self._names(value)

    def _named_in_closures(self) -> Iterator[str]:
        for node in self._nodes:
            if isinstance(node, _INNER):
                yield from (part.id for part in ast.walk(node) if isinstance(part, ast.Name))

    def _starts_work(self, node: ast.AST) -> bool:
        if not isinstance(node, ast.Call):
            return False
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        name = node.func.id if isinstance(node.func, ast.Name) else name
        if name in _STARTING:
            return True
        if name not in _SUBSCRIBING:
            return False
        return len(node.args) > 2 or any(
            word.arg in (None, "cb", "future") for word in node.keywords
        )

    def _escapes(self, node: ast.AST) -> bool:
        """Whether a handle is handed on, or kept."""
        match node:
            case ast.Call(args=args, keywords=words):
                given = [*args, *(word.value for word in words)]
                return any(map(self._is_handle, given))
            case ast.Assign(targets=targets, value=value):
                kept = any(not isinstance(target, (ast.Name, ast.Tuple)) for target in targets)
                return kept and self._gives(value)
        return False

    def _is_handle(self, value: ast.expr) -> bool:
        if isinstance(value, ast.Starred):
            value = value.value
        return isinstance(value, ast.Name) and value.id in self._tainted

    def harmless(self, node: Node) -> bool:
        """Whether an atom awaits nothing and cannot reach a connection."""
        if node.waits or node.op not in _QUIET_OPS or node.reads & self._tainted:
            return False
        if isinstance(node.key, tuple) and node.key[:1] and node.key[0] in _ENTERING:
            return False
        syntax = node.syntax
        if isinstance(syntax, (ast.Import, ast.ImportFrom)):
            return False
        if self.at_work and not self._holds_alone(node):
            return False
        return not isinstance(syntax, ast.Call) or self._harmless_call(syntax)

    def _holds_alone(self, node: Node) -> bool:
        """Whether a callback or a task cannot change what an atom reads."""
        if node.reads & self._closures or _of_self(node.syntax):
            return False
        match node.syntax:
            case ast.Call(args=args, keywords=words):
                parts: list[ast.AST] = [*args, *words]
            case ast.ExceptHandler() | ast.Raise():
                return True
            case syntax:
                parts = [syntax] if syntax is not None else []
        read = {part.id for item in parts for part in ast.walk(item) if isinstance(part, ast.Name)}
        return read <= self._own | _BUILTINS

    def _bound(self) -> Iterator[str]:
        for node in self._nodes:
            match node:
                case ast.Name(id=name, ctx=ast.Store()) | ast.ExceptHandler(name=str(name)):
                    yield name

    def _harmless_call(self, call: ast.Call) -> bool:
        parts = _dotted(call.func)
        if parts[0] in self._tainted:
            return False
        if parts[-1] in _BUILTINS and len(parts) == 1:
            return True
        if _logs(parts) or _makes_an_error(parts):
            return True
        return not self.at_work and not self.escaped and parts[0] not in self._closures

    def tainted(self, node: Node) -> bool:
        """Whether an atom reads the connection, or what may hold it."""
        return bool(node.reads & self._tainted)


def _dotted(function: ast.expr) -> list[str]:
    """The parts of a dotted name; the first is empty where it starts with something else."""
    parts: list[str] = []
    while isinstance(function, ast.Attribute):
        parts.append(function.attr)
        function = function.value
    return [function.id if isinstance(function, ast.Name) else "", *reversed(parts)]


def _logs(parts: list[str]) -> bool:
    """Whether a method of a logger is called."""
    owners = (part.lower().strip("_") for part in parts[:-1])
    return any(part in ("log", "logging") or part.endswith("logger") for part in owners)


def _makes_an_error(parts: list[str]) -> bool:
    return parts[-1][:1].isupper() and parts[-1].endswith(("Error", "Exception"))


def _of_self(syntax: ast.AST | None) -> bool:
    return isinstance(syntax, ast.Attribute) and not isinstance(syntax.value, ast.Attribute)


def _stored(target: ast.expr) -> set[str]:
    return {
        node.id
        for node in ast.walk(target)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
