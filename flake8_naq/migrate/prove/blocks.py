"""Lowers ``with`` statements: connections, naq's managers, and all others."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from flake8_naq.migrate.match.declared_helpers import BUCKET
from flake8_naq.migrate.prove.declared import Lease
from flake8_naq.migrate.prove.expression_lowering import ExpressionLowering
from flake8_naq.migrate.prove.followed import Followed
from flake8_naq.migrate.prove.keys import given_token, token
from flake8_naq.migrate.prove.meaning import Meaning
from flake8_naq.migrate.prove.nodes import CANCEL, ERROR, Node, Ways, later

Block: TypeAlias = Callable[[list[ast.stmt], Ways, Node], Node]


class Blocks:
    """Lowers the ``with`` statements of one function."""

    def __init__(
        self, meaning: Meaning, followed: Followed, expressions: ExpressionLowering, block: Block
    ) -> None:
        self._meaning = meaning
        self._followed = followed
        self._expressions = expressions
        self._block = block

    def enter(
        self, statement: ast.With | ast.AsyncWith, index: int, ways: Ways, then: Node
    ) -> Node:
        """Enter one item of a ``with`` statement, and all that follows."""
        if index == len(statement.items):
            return self._block(statement.body, ways, then)
        item = statement.items[index]
        inner = partial(self.enter, statement, index + 1)
        if isinstance(statement, ast.AsyncWith):
            special = self._connection(item, inner, ways, then)
            if special is not None:
                return special
        return self._other(statement, item, inner, ways, then)

    def _connection(
        self, item: ast.withitem, inner: Callable[[Ways, Node], Node], ways: Ways, then: Node
    ) -> Node | None:
        value, target = item.context_expr, item.optional_vars
        name = target.id if isinstance(target, ast.Name) else ""
        if target is not None and not name and self._meaning.lease(value) is None:
            return None
        held = f"the block on line {value.lineno}:{value.col_offset}"
        lease = self._meaning.lease(value)
        if lease is not None:
            return self._lease(item, lease, held, inner, ways, then)
        body = self._closing(item, held, "block", inner, ways, then)
        opening = self._meaning.opened_by(value)
        if opening is not None and opening.index is None and opening.kind != "declared":
            bound = Node("take", edges={"ok": body}, detail=(name,)) if name else body
            taken = Node("take", edges={"ok": bound}, detail=(held,))
            assert isinstance(value, ast.Await)
            return self._expressions.connect(value, opening, ways, taken)
        if isinstance(value, ast.Name) and value.id in self._followed.handles and not name:
            other = later(partial(self._plain, item, inner, ways, then, waits=True))
            return Node("hold", edges={"ok": body, "other": other}, detail=(held, value.id))
        if self._meaning.makes(value) and name:
            hold = Node("hold", edges={"ok": body, "other": body}, detail=(held, name))
            return Node("make", edges={"ok": hold}, detail=(name,))
        return None

    def _closing(
        self,
        item: ast.withitem,
        held: str,
        way: str,
        inner: Callable[[Ways, Node], Node],
        ways: Ways,
        then: Node,
    ) -> Node:
        """The body of a block that closes its connection on every way out."""

        def leave(after: Node, leaving: str) -> Node:
            return self._expressions.close(
                item.context_expr, way, held, leaving, ways, after, after
            )

        inside = Ways(
            leave(ways.error, ERROR),
            leave(ways.cancel, CANCEL),
            leave(ways.leave, "return"),
            leave(ways.stop, "break"),
            leave(ways.again, "continue"),
        )
        return later(partial(inner, inside, leave(then, "ok")))

    def _lease(
        self,
        item: ast.withitem,
        lease: Lease,
        held: str,
        inner: Callable[[Ways, Node], Node],
        ways: Ways,
        then: Node,
    ) -> Node:
        """A declared manager, as what it does: connect, derive, bind."""
        expressions, value = self._expressions, item.context_expr
        way = "exclusive" if lease.exclusive else "lease"
        body = self._closing(item, held, way, inner, ways, then)
        names = _bound(item.optional_vars)
        reads: set[str] = set()
        if lease.gives == BUCKET:
            assert lease.bucket is not None
            key = ("bucket", token(lease.bucket, reads))
            # The block closes when its bucket cannot be bound.
            after = Ways(
                expressions.close(value, way, held, ERROR, ways, ways.error, ways.error),
                expressions.close(value, way, held, CANCEL, ways, ways.cancel, ways.cancel),
                ways.leave,
                ways.stop,
                ways.again,
            )
            bind = expressions.bound(
                key, held, names[0], frozenset(reads), value, after, body, body
            )
            body = expressions.sequence([lease.bucket], after, bind)
        elif lease.gives == "jetstream" and len(names) == 2:
            body = Node("derive", (), {"ok": body, "other": body}, value, detail=(held, names[1]))
        if lease.gives != BUCKET and names[0]:
            body = Node("take", edges={"ok": body}, detail=(names[0],))
        reads = set()
        connect = Node(
            "connect",
            ("lease", given_token(lease.given, reads)),
            {"ok": Node("take", edges={"ok": body}, detail=(held,))} | ways.raising(waits=True),
            value,
            frozenset(reads),
            (way, "quiet"),
            waits=True,
        )
        return expressions.sequence([value for _, value in lease.given], ways, connect)

    # -- all others

    def _other(
        self,
        statement: ast.With | ast.AsyncWith,
        item: ast.withitem,
        inner: Callable[[Ways, Node], Node],
        ways: Ways,
        then: Node,
    ) -> Node:
        value = item.context_expr
        if (
            isinstance(value, ast.Call)
            and self._meaning.origin(value.func) == "contextlib.suppress"
        ):
            return self._suppress(value, inner, ways, then)
        waits = isinstance(statement, ast.AsyncWith)
        return self._plain(item, inner, ways, then, waits=waits)

    def _suppress(
        self, call: ast.Call, inner: Callable[[Ways, Node], Node], ways: Ways, then: Node
    ) -> Node:
        def caught(kind: str) -> Node:
            reads: set[str] = set()
            key = ("suppress", token(call.args, reads))
            edges = {"true": then, "false": ways.of(kind)}
            return Node("test", key, edges, call, frozenset(reads))

        inside = Ways(caught(ERROR), caught(CANCEL), ways.leave, ways.stop, ways.again)
        return self._expressions.sequence(call.args, ways, later(partial(inner, inside, then)))

    def _plain(
        self,
        item: ast.withitem,
        inner: Callable[[Ways, Node], Node],
        ways: Ways,
        then: Node,
        *,
        waits: bool,
    ) -> Node:
        value = item.context_expr
        reads: set[str] = set()
        text = token(value, reads)

        def leave(after: Node, way: str) -> Node:
            edges = {"ok": after} | ways.raising(waits=waits)
            if way in (ERROR, CANCEL):
                edges["swallowed"] = then
            return Node("atom", ("exit", waits, text, way), edges, value, waits=waits)

        inside = Ways(
            leave(ways.error, ERROR),
            leave(ways.cancel, CANCEL),
            leave(ways.leave, "leave"),
            leave(ways.stop, "leave"),
            leave(ways.again, "leave"),
        )
        body = later(partial(inner, inside, leave(then, "leave")))
        for name in sorted(set(_bound(item.optional_vars)) & self._followed.handles):
            body = Node("forget", edges={"ok": body}, detail=(name,))
        target: set[str] = set()
        key = ("enter", waits, text, token(item.optional_vars, target))
        enter = Node(
            "atom",
            key,
            {"ok": body} | ways.raising(waits=waits),
            value,
            frozenset(reads),
            waits=waits,
        )
        return self._expressions.sequence([value], ways, enter)


def _bound(target: ast.expr | None) -> list[str]:
    """The names that a ``with`` item binds, an empty one where it binds none."""
    if target is None:
        return [""]
    return [node.id for node in ast.walk(target) if isinstance(node, ast.Name)]
