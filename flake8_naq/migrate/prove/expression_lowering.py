"""Lowers expressions: each call, await, attribute read and test is an atom, in evaluation order."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol

from flake8_naq.migrate.prove.followed import Followed
from flake8_naq.migrate.prove.keys import flat, given_token, key_of, token
from flake8_naq.migrate.prove.meaning import CLIENTS, CONNECT, Meaning, Opening
from flake8_naq.migrate.prove.nodes import Node, Ways, later

_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
# They build a value from others and have no other effect.
_MADE_OF_OTHERS = (
    ast.Tuple,
    ast.List,
    ast.Set,
    ast.Dict,
    ast.Starred,
    ast.JoinedStr,
    ast.FormattedValue,
    ast.Slice,
)
_SILENT = (ast.Constant, ast.Lambda)


class Closing(Protocol):
    """Knows which functions of the project close what they are given."""

    def closed_by(self, call: ast.Call) -> tuple[str, str] | None:
        """The variable whose connection an awaited call closes, and the connection's state then."""
        ...


class ExpressionLowering:
    """Lowers the expressions of one function."""

    def __init__(self, meaning: Meaning, followed: Followed, closing: Closing | None) -> None:
        self._meaning = meaning
        self._followed = followed
        self._closing = closing

    def atom(
        self,
        syntax: ast.AST,
        ways: Ways,
        then: Node,
        *,
        waits: bool = False,
        raises: bool = True,
    ) -> Node:
        """An effect that the walk compares by its text."""
        reads: set[str] = set()
        key = key_of(syntax, reads)
        edges = {"ok": then}
        if raises:
            edges |= ways.raising(waits=waits)
        return Node("atom", key, edges, syntax, frozenset(reads), waits=waits)

    def sequence(self, parts: Iterable[ast.expr], ways: Ways, then: Node) -> Node:
        """One expression after the other."""
        for part in reversed(list(parts)):
            if not isinstance(part, _SILENT) and not self._is_plain_name(part):
                then = later(partial(self.value, part, ways, then))
        return then

    def _is_plain_name(self, part: ast.expr) -> bool:
        return isinstance(part, ast.Name) and part.id not in self._followed.rebound

    def value(self, expression: ast.expr, ways: Ways, then: Node) -> Node:
        """Evaluate an expression."""
        match expression:
            case ast.Constant() | ast.Lambda():
                return then
            case ast.Name():
                plain = self._is_plain_name(expression)
                return then if plain else self.atom(expression, ways, then, raises=False)
            case ast.Attribute():
                if self._meaning.is_module(expression):
                    return then
                return self.sequence([expression.value], ways, self.atom(expression, ways, then))
            case ast.Await():
                return self._await(expression, ways, then)
            case ast.Call():
                if self._meaning.derives_from(expression) is not None:
                    return self._derivation(expression, "", ways, then)
                return self.call(expression, ways, then)
            case ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
                return self.condition(expression, ways, then, then)
            case ast.IfExp():
                first = later(partial(self.value, expression.body, ways, then))
                second = later(partial(self.value, expression.orelse, ways, then))
                return self.condition(expression.test, ways, first, second)
            case ast.NamedExpr():
                store = self.atom(expression, ways, self._forget(expression.target, then))
                return self.sequence([expression.value], ways, store)
        return self._compound(expression, ways, then)

    def _compound(self, expression: ast.expr, ways: Ways, then: Node) -> Node:
        if isinstance(expression, _COMPREHENSIONS):
            reads: set[str] = set()
            key = flat(expression, reads)
            waits = any(
                isinstance(node, ast.Await)
                or (isinstance(node, ast.comprehension) and node.is_async)
                for node in ast.walk(expression)
            )
            edges = {"ok": then} | ways.raising(waits=waits)
            return Node("atom", key, edges, expression, frozenset(reads), waits=waits)
        waits = isinstance(expression, (ast.Yield, ast.YieldFrom))
        if not isinstance(expression, _MADE_OF_OTHERS):
            then = self.atom(expression, ways, then, waits=waits)
        return self.sequence(_children(expression), ways, then)

    def call(self, call: ast.Call, ways: Ways, then: Node) -> Node:
        """A call: the callee, the arguments, the call itself."""
        return self.sequence(
            [call.func, *arguments_of(call)], ways, self.atom(call, ways, then, waits=False)
        )

    def _forget(self, target: ast.expr, then: Node) -> Node:
        if isinstance(target, ast.Name) and target.id in self._followed.handles:
            return Node("forget", edges={"ok": then}, detail=(target.id,))
        return then

    # -- what concerns connections

    def _await(self, expression: ast.Await, ways: Ways, then: Node) -> Node:
        opening = self._meaning.opened_by(expression)
        if opening is not None:
            return self.connect(expression, opening, ways, then)
        generic = later(partial(self._plain_await, expression, ways, then))
        closing = self._meaning.closes(expression)
        if closing is not None:
            way, name = closing
            return self.close(expression, way, name, "", ways, then, generic)
        if self._meaning.derives_from(expression) is not None:
            return self._derivation(expression, "", ways, then)
        if self._meaning.binds(expression) is not None:
            return self.bucket(expression, "", ways, then)
        match self._meaning.awaited(expression):
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="connect")) as call if (
                name in self._followed.handles
            ):
                return self._dial(expression, call, name, ways, then, generic)
        return generic

    def _plain_await(self, expression: ast.Await, ways: Ways, then: Node) -> Node:
        value = expression.value
        if self._closing is not None and isinstance(value, ast.Call):
            closed = self._closing.closed_by(value)
            if closed is not None:
                then = Node("closed", edges={"ok": then}, detail=tuple(closed))
        awaited = self.atom(expression, ways, then, waits=True)
        if isinstance(value, ast.Call):
            return self.call(value, ways, awaited)
        return self.sequence([value], ways, awaited)

    def connect(self, expression: ast.Await, opening: Opening, ways: Ways, then: Node) -> Node:
        """Open a connection."""
        call = opening.call
        reads: set[str] = set()
        given = self._meaning.leased_with(call) if opening.kind == "helper" else None
        if given is not None:
            key: object = ("lease", given_token(given, reads))
        elif opening.kind == "client" and opening.index is None and self._is_nats(call):
            key = ("nats", token(call.args, reads), token(call.keywords, reads))
        else:
            key = ("open", key_of(call, reads))
        key, arguments = self._wrapped(expression, call, key, reads)
        node = Node(
            "connect",
            key,
            {"ok": then} | ways.raising(waits=True),
            expression,
            frozenset(reads),
            (opening.kind, "quiet" if opening.quiet else ""),
            waits=True,
        )
        return self.sequence(arguments, ways, node)

    def _wrapped(
        self, expression: ast.Await, call: ast.Call, key: object, reads: set[str]
    ) -> tuple[object, list[ast.expr]]:
        """The key and the arguments of a call that is awaited, perhaps through `wait_for`."""
        outer, arguments = expression.value, arguments_of(call)
        if outer is call:
            return key, arguments
        assert isinstance(outer, ast.Call)
        more = arguments_of(outer)[1:]
        return (key, token(outer.func, reads), token(more, reads)), arguments + more

    def _is_nats(self, call: ast.Call) -> bool:
        return self._meaning.origin(call.func) in CONNECT

    def _dial(
        self, expression: ast.Await, call: ast.Call, name: str, ways: Ways, then: Node, other: Node
    ) -> Node:
        """`await client.connect(...)`, on a client that the function made."""
        reads: set[str] = set()
        key: object = ("nats", token(call.args, reads), token(call.keywords, reads))
        key, arguments = self._wrapped(expression, call, key, reads)
        quiet = "quiet" if self._meaning.options.are_quiet(call) else ""
        edges = {"ok": then} | ways.raising(waits=True)
        node = Node(
            "connect", key, edges, expression, frozenset(reads), ("client", quiet, name), waits=True
        )
        dial = later(partial(self.sequence, arguments, ways, node))
        return Node("dial", edges={"ok": dial, "other": other}, detail=(name,))

    def close(
        self,
        syntax: ast.AST,
        way: str,
        name: str,
        leaving: str,
        ways: Ways,
        then: Node,
        other: Node,
    ) -> Node:
        """Close a connection.

        Args:
            syntax: The closing statement.
            way: The kind of close.
            name: Its variable, empty for the pool's.
            leaving: At the end of a block the path out of it, empty for a statement.
            ways: The successors on an error.
            then: The next node.
            other: The next node where the variable holds no connection known to the proof.
        """
        edges = {"ok": then, "other": other} | ways.raising(waits=True)
        return Node("close", (), edges, syntax, detail=(name, way, leaving), waits=True)

    def _derivation(self, value: ast.expr, target: str, ways: Ways, then: Node) -> Node:
        return self.derive(value, target, ways, then, partial(self._plain, value, ways, then))

    def _plain(self, value: ast.expr, ways: Ways, then: Node) -> Node:
        if isinstance(value, ast.Await):
            return self._plain_await(value, ways, then)
        assert isinstance(value, ast.Call)
        return self.call(value, ways, then)

    def derive(
        self, value: ast.expr, target: str, ways: Ways, then: Node, other: Callable[[], Node]
    ) -> Node:
        """Derive JetStream, and bind it to a name."""
        source = self._meaning.derives_from(value)
        assert source is not None
        edges = {"ok": then, "other": later(other)}
        return Node("derive", (), edges, value, detail=(source, target))

    def bucket(self, value: ast.expr, target: str, ways: Ways, then: Node) -> Node:
        """Open a bucket, and bind it to a name."""
        found = self._meaning.binds(value)
        assert found is not None
        source, name = found
        reads: set[str] = set()
        key = ("bucket", token(name, reads))
        stored = then
        if target:
            stored = Node("forget", edges={"ok": then}, detail=(target,))
        assert isinstance(value, ast.Await)
        generic = later(partial(self._plain_await, value, ways, stored))
        node = self.bound(key, source, target, frozenset(reads), value, ways, then, generic)
        return self.sequence([name], ways, node)

    def bound(
        self,
        key: object,
        source: str,
        target: str,
        reads: frozenset[str],
        syntax: ast.AST,
        ways: Ways,
        then: Node,
        other: Node,
    ) -> Node:
        """The binding of a bucket itself."""
        edges = {"ok": then, "other": other} | ways.raising(waits=True)
        return Node("bucket", key, edges, syntax, reads, (source, target), waits=True)

    # -- tests

    def condition(self, test: ast.expr, ways: Ways, true: Node, false: Node) -> Node:
        """Branch on the truth of an expression."""
        match test:
            case ast.Constant(value=value):
                return true if value else false
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return later(partial(self.condition, operand, ways, false, true))
            case ast.BoolOp(op=ast.And(), values=parts):
                for part in reversed(parts):
                    true = later(partial(self.condition, part, ways, true, false))
                return true
            case ast.BoolOp(op=ast.Or(), values=parts):
                for part in reversed(parts):
                    false = later(partial(self.condition, part, ways, true, false))
                return false
        name, wanted = self._closed_test(test)
        if name:
            other = later(partial(self._plain_test, test, ways, true, false))
            edges = dict(
                zip(("true", "false"), (true, false) if wanted else (false, true), strict=True)
            )
            edges["other"] = other
            return Node("asks", ("is_closed", name), edges, test, frozenset({name}), (name,))
        name, wanted = _none_test(test)
        if name in self._followed.handles:
            other = later(partial(self._plain_test, test, ways, true, false))
            none, some = (true, false) if wanted else (false, true)
            edges = {"none": none, "some": some, "other": other, "error": ways.error}
            return Node("isnone", (), edges, test, detail=(name,))
        return self._plain_test(test, ways, true, false)

    def _closed_test(self, test: ast.expr) -> tuple[str, bool]:
        """The variable that a test asks whether it is closed, and whether the test holds then."""
        match test:
            case ast.Attribute(value=ast.Name(id=name), attr="is_closed"):
                return name, True
            case ast.Compare(
                left=ast.Attribute(value=ast.Name(id=name), attr="_status"),
                ops=[ast.Eq() | ast.Is() | ast.NotEq() | ast.IsNot() as operator],
                comparators=[ast.Attribute(value=client, attr="CLOSED")],
            ) if self._meaning.origin(client) in CLIENTS:
                return name, isinstance(operator, (ast.Eq, ast.Is))
        return "", False

    def _plain_test(self, test: ast.expr, ways: Ways, true: Node, false: Node) -> Node:
        reads: set[str] = set()
        edges = {"true": true, "false": false}
        node = Node("test", ("test", token(test, reads)), edges, test, frozenset(reads))
        return self.value(test, ways, node)


def arguments_of(call: ast.Call) -> list[ast.expr]:
    """The arguments of a call, in source order."""
    return [*call.args, *(word.value for word in call.keywords)]


def _children(expression: ast.expr) -> list[ast.expr]:
    return [child for child in ast.iter_child_nodes(expression) if isinstance(child, ast.expr)]


def _none_test(test: ast.expr) -> tuple[str, bool]:
    """The variable that a test compares with None, and whether the test holds for None."""
    match test:
        case ast.Name(id=name):
            return name, False
        case ast.Compare(
            left=ast.Name(id=name),
            ops=[ast.Is() | ast.Eq()],
            comparators=[ast.Constant(value=None)],
        ):
            return name, True
        case ast.Compare(
            left=ast.Name(id=name),
            ops=[ast.IsNot() | ast.NotEq()],
            comparators=[ast.Constant(value=None)],
        ):
            return name, False
    return "", False
