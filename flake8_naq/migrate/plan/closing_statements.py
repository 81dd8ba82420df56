"""Recognises statements that close a connection, in the forms of real code."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Literal

from flake8_naq.names import Names, Scope
from flake8_naq.names.vocabulary import Vocabulary

Method = Literal["close", "drain", "helper", "pooled", "several"]

# The attribute of a client's state, and the state after a close.
_STATE = "_status"
_CLOSED = "CLOSED"


@dataclass(frozen=True, slots=True)
class ClosingStatement:
    """A statement that closes a connection.

    Attributes:
        statement: The whole statement, guard included.
        call: The closing call.
        handle: The name it closes, None for a pooled close that names a URL or nothing.
        method: ``helper`` is naq's function with the handle. ``pooled`` is that function without it:
            it closes the pool's connection. ``several`` is a close among other calls, or in a
            function of the module, and is kept.
        swallows: Whether the statement swallows errors of the close.
        helper: The dotted name of the closing function, empty for a method.
    """

    statement: ast.stmt
    call: ast.Call
    handle: str | None
    method: Method
    swallows: bool = False
    helper: str = ""

    @property
    def way(self) -> str:
        """The closing method or function."""
        return self.helper or self.method


class ClosingForms:
    """Recognises closing statements in one scope."""

    def __init__(
        self,
        names: Names,
        vocabulary: Vocabulary,
        scope: Scope,
        handles: set[str],
        helped: frozenset[ast.Call],
    ) -> None:
        """Look for closes in one scope.

        Args:
            names: The module's names, resolved.
            vocabulary: The functions that close their argument.
            scope: The scope.
            handles: The names of all its connections.
            helped: Calls of the module's own functions that close a connection.
        """
        self._helped = helped
        self._names = names
        self._vocabulary = vocabulary
        self._scope = scope
        self._handles = handles

    def close(self, statement: ast.stmt) -> ClosingStatement | None:
        """The close in a statement, None when it is not a close."""
        found = self._close(statement, statement, swallows=False)
        return found or self._among_calls(statement)

    def _close(
        self, statement: ast.stmt, whole: ast.stmt, *, swallows: bool
    ) -> ClosingStatement | None:
        match statement:
            case ast.Expr(value=ast.Await(value=ast.Call() as call)):
                return self._call(call, whole, swallows=swallows)
            case ast.If(test=test, body=[inner], orelse=[]):
                found = self._close(inner, whole, swallows=swallows)
                guarded = found and (
                    is_guard(test, found.handle)
                    or (found.handle is None and self._guards_any(test))
                )
                return found if guarded else None
            case ast.Try(
                body=[inner],
                handlers=[ast.ExceptHandler(name=None, body=[ast.Pass()])],
                orelse=[],
                finalbody=[],
            ):
                return self._close(inner, whole, swallows=True)
            case ast.With(
                items=[ast.withitem(context_expr=ast.Call(func=function), optional_vars=None)],
                body=[inner],
            ) if self._names.resolve(function, self._scope) == "contextlib.suppress":
                return self._close(inner, whole, swallows=True)
        return None

    def _among_calls(self, statement: ast.stmt) -> ClosingStatement | None:
        """The close in a guarded or error-catching block of calls, which stays together."""
        match statement:
            case ast.If(test=test, body=body, orelse=[]):
                found = self._one_close(statement, body)
                return found if found and is_guard(test, found.handle) else None
            case ast.Try(body=body, handlers=[*handlers], orelse=[], finalbody=[]) if (
                handlers and all(_only_calls(handler.body) for handler in handlers)
            ):
                return self._one_close(statement, body)
        return None

    def _one_close(self, whole: ast.stmt, body: list[ast.stmt]) -> ClosingStatement | None:
        """The close in a block of calls, None for no connection or more than one."""
        if not _only_calls(body):
            return None
        closes = [close for inner in body if (close := self._close(inner, whole, swallows=False))]
        if not closes or {close.handle for close in closes} != {closes[0].handle}:
            return None
        if any(close.handle is None or close.method == "helper" for close in closes):
            return None
        swallows = isinstance(whole, ast.Try)
        return ClosingStatement(whole, closes[-1].call, closes[0].handle, "several", swallows)

    def _guards_any(self, test: ast.expr) -> bool:
        return any(is_guard(test, handle) for handle in self._handles)

    def _call(self, call: ast.Call, whole: ast.stmt, *, swallows: bool) -> ClosingStatement | None:
        function = call.func
        if (
            isinstance(function, ast.Attribute)
            and isinstance(function.value, ast.Name)
            and function.attr in ("close", "drain")
            and function.value.id in self._handles
        ):
            if call.args or call.keywords:
                return None
            method: Method = "close" if function.attr == "close" else "drain"
            return ClosingStatement(whole, call, function.value.id, method, swallows)
        given = self._given(call)
        name = self._names.resolve(function, self._scope)
        if name is None or not self._vocabulary.closes(name):
            helped = given is not None and call in self._helped
            return ClosingStatement(whole, call, given, "several", swallows) if helped else None
        arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
        if len(arguments) > 1 or any(isinstance(argument, ast.Starred) for argument in arguments):
            return None
        method = "helper" if given is not None else "pooled"
        return ClosingStatement(whole, call, given, method, swallows, name)

    def _given(self, call: ast.Call) -> str | None:
        """The connection among a call's arguments, None for none or more than one."""
        arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
        given = [item.id for item in arguments if isinstance(item, ast.Name)]
        handles = [name for name in given if name in self._handles]
        return handles[0] if len(handles) == 1 else None


def _only_calls(body: list[ast.stmt]) -> bool:
    """Whether a block has only calls, awaited or not, and no statement that leaves it."""
    return all(
        isinstance(statement, ast.Pass)
        or (
            isinstance(statement, ast.Expr)
            and isinstance(statement.value, (ast.Await, ast.Call, ast.Constant))
        )
        for statement in body
    )


def is_guard(test: ast.expr, handle: str | None) -> bool:
    """Whether a test only checks that the connection exists and is open."""
    match test:
        case ast.Name(id=name):
            return name == handle
        case ast.Compare(
            left=ast.Name(id=name),
            ops=[ast.IsNot() | ast.NotEq()],
            comparators=[ast.Constant(value=None)],
        ):
            return name == handle
        case ast.UnaryOp(
            op=ast.Not(), operand=ast.Attribute(value=ast.Name(id=name), attr="is_closed")
        ):
            return name == handle
        case ast.Attribute(value=ast.Name(id=name), attr="is_connected"):
            return name == handle
        case ast.Compare(
            left=ast.Attribute(value=ast.Name(id=name), attr=state),
            ops=[ast.IsNot() | ast.NotEq()],
            comparators=[ast.Attribute(attr=closed)],
        ):
            return name == handle and state == _STATE and closed == _CLOSED
        case ast.BoolOp(op=ast.And(), values=values):
            return all(is_guard(value, handle) for value in values)
    return False
