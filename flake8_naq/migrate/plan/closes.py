"""Which statements close a connection, in the forms that real code gives them."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Literal

from flake8_naq.lifetimes.vocabulary import Vocabulary
from flake8_naq.names import Names, Scope

Method = Literal["close", "drain", "helper", "pooled"]


@dataclass(frozen=True, slots=True)
class Close:
    """A statement that does nothing but close a connection.

    Attributes:
        statement: The whole statement, guard included.
        call: The closing call.
        handle: The name it closes, None for a pooled close that names a URL or nothing.
        method: ``helper`` is naq's function given the handle, ``pooled`` the same given something
            else: it closes whatever the pool holds for that.
        swallows: Whether errors of the close are swallowed on the spot.
    """

    statement: ast.stmt
    call: ast.Call
    handle: str | None
    method: Method
    swallows: bool = False


class Closers:
    """Recognises closing statements in one scope."""

    def __init__(
        self, names: Names, vocabulary: Vocabulary, scope: Scope, handles: set[str]
    ) -> None:
        """Take the names of all connections of the scope as ``handles``."""
        self._names = names
        self._vocabulary = vocabulary
        self._scope = scope
        self._handles = handles

    def close(self, statement: ast.stmt) -> Close | None:
        """What a statement closes, None when it is anything but a close."""
        return self._close(statement, statement, swallows=False)

    def _close(self, statement: ast.stmt, whole: ast.stmt, *, swallows: bool) -> Close | None:
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

    def _guards_any(self, test: ast.expr) -> bool:
        return any(is_guard(test, handle) for handle in self._handles)

    def _call(self, call: ast.Call, whole: ast.stmt, *, swallows: bool) -> Close | None:
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
            return Close(whole, call, function.value.id, method, swallows)
        name = self._names.resolve(function, self._scope)
        if name is None or not self._vocabulary.closes(name):
            return None
        arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
        if len(arguments) > 1 or any(isinstance(argument, ast.Starred) for argument in arguments):
            return None
        if arguments and isinstance(arguments[0], ast.Name) and arguments[0].id in self._handles:
            return Close(whole, call, arguments[0].id, "helper", swallows)
        return Close(whole, call, None, "pooled", swallows)


def is_guard(test: ast.expr, handle: str | None) -> bool:
    """Whether a test only asks if the connection is there and open."""
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
        case ast.BoolOp(op=ast.And(), values=values):
            return all(is_guard(value, handle) for value in values)
    return False
