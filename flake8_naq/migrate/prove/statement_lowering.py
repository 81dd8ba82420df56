"""Lowers statements with continuations for ok, error, cancellation and jumps."""

from __future__ import annotations

import ast
from dataclasses import replace
from functools import partial

from flake8_naq.migrate.prove.blocks import Blocks
from flake8_naq.migrate.prove.expression_lowering import Closing, ExpressionLowering
from flake8_naq.migrate.prove.followed import Followed
from flake8_naq.migrate.prove.keys import flat, key_of, token
from flake8_naq.migrate.prove.meaning import Meaning
from flake8_naq.migrate.prove.nodes import CANCEL, ERROR, Node, Ways, ends, later

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_SILENT = (ast.Pass, ast.Global, ast.Nonlocal)
# Exception classes that do not cover a cancellation.
_NO_CANCELLATION = frozenset(
    [
        "Exception",
        "ValueError",
        "KeyError",
        "RuntimeError",
        "OSError",
        "ConnectionError",
        "TypeError",
        "LookupError",
        "AttributeError",
        "TimeoutError",
        "asyncio.TimeoutError",
    ]
)
_CANCELLATION = frozenset({"BaseException", "CancelledError", "asyncio.CancelledError"})
# Handlers that each exception but a cancellation reaches.
_ALL_ERRORS = frozenset({"Exception", "BaseException"})


class StatementLowering:
    """Lowers the statements of one function."""

    def __init__(
        self, meaning: Meaning, followed: Followed, closing: Closing | None = None
    ) -> None:
        """Lower a function.

        Args:
            meaning: What its calls mean.
            followed: Its names.
            closing: The functions that close what they are given; None to look into none.
        """
        self._meaning = meaning
        self._followed = followed
        self._expressions = ExpressionLowering(meaning, followed, closing)
        self._blocks = Blocks(meaning, followed, self._expressions, self.block)

    def function(self, node: ast.AsyncFunctionDef | ast.FunctionDef) -> Node:
        """The entry of a function."""
        then, ways = ends()
        return self.block(node.body, ways, then)

    def block(self, body: list[ast.stmt], ways: Ways, then: Node) -> Node:
        """One statement after the other."""
        for statement in reversed(body):
            if not isinstance(statement, _SILENT):
                then = later(partial(self._statement, statement, ways, then))
        return then

    def _statement(self, statement: ast.stmt, ways: Ways, then: Node) -> Node:
        value = self._expressions
        match statement:
            case ast.Expr():
                return value.value(statement.value, ways, then)
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign() | ast.Delete():
                return self._store(statement, ways, then)
            case ast.Return():
                return self._return(statement, ways)
            case ast.Raise():
                return self._raise(statement, ways)
            case ast.Break():
                return ways.stop
            case ast.Continue():
                return ways.again
            case ast.If():
                first = self.block(statement.body, ways, then)
                second = self.block(statement.orelse, ways, then)
                return value.condition(statement.test, ways, first, second)
            case ast.While():
                return self._while(statement, ways, then)
            case ast.For() | ast.AsyncFor():
                return self._for(statement, ways, then)
            case ast.Try() | ast.TryStar():
                return self._try(statement, ways, then)
            case ast.With() | ast.AsyncWith():
                return self._blocks.enter(statement, 0, ways, then)
            case ast.Match():
                return self._match(statement, ways, then)
            case ast.Assert():
                return self._assert(statement, ways, then)
        return self._other(statement, ways, then)

    def _other(self, statement: ast.stmt, ways: Ways, then: Node) -> Node:
        """Definitions and imports: compared as a whole."""
        reads: set[str] = set()
        key = flat(statement, reads)
        edges = {"ok": then}
        if not isinstance(statement, _DEFINITIONS) or statement.decorator_list:
            edges |= ways.raising(waits=False)
        # A closure reads its names when it runs.
        read = frozenset() if isinstance(statement, _DEFINITIONS) else frozenset(reads)
        return Node("atom", key, edges, statement, read)

    # -- stores

    def _store(
        self,
        statement: ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Delete,
        ways: Ways,
        then: Node,
    ) -> Node:
        target, value = _single(statement)
        if target is not None and value is not None:
            special = self._handle(target, value, ways, then)
            if special is not None:
                return special
        if isinstance(statement, ast.AnnAssign) and statement.value is None:
            return then
        return self._plain_store(statement, ways, then)

    def _handle(self, target: str, value: ast.expr, ways: Ways, then: Node) -> Node | None:
        """Stores that change the state of a handle."""
        if target not in self._followed.handles:
            return None
        meaning = self._meaning
        if isinstance(value, ast.Constant) and value.value is None:
            return Node("none", edges={"ok": then}, detail=(target,))
        if meaning.makes(value):
            return Node("make", edges={"ok": then}, detail=(target,))
        opening = meaning.opened_by(value)
        if opening is not None and opening.index is None:
            taken = Node("take", edges={"ok": then}, detail=(target,))
            assert isinstance(value, ast.Await)
            return self._expressions.connect(value, opening, ways, taken)
        if meaning.derives_from(value) is not None:
            forget = Node("forget", edges={"ok": then}, detail=(target,))
            other = partial(self._expressions.value, value, ways, forget)
            return self._expressions.derive(value, target, ways, then, other)
        if meaning.binds(value) is not None:
            return self._expressions.bucket(value, target, ways, then)
        return None

    def _plain_store(
        self,
        statement: ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Delete,
        ways: Ways,
        then: Node,
    ) -> Node:
        targets = _targets(statement)
        names = {
            node.id
            for target in targets
            for node in ast.walk(target)
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
        }
        taken = self._taken(statement)
        for name in sorted(names & self._followed.handles):
            op = "take" if name == taken else "forget"
            then = Node(op, edges={"ok": then}, detail=(name,))  # type: ignore[arg-type]
        simple = all(isinstance(target, ast.Name) for target in targets)
        raises = not simple or isinstance(statement, (ast.AugAssign, ast.Delete))
        reads: set[str] = set()
        key = _store_key(statement, reads)
        edges = {"ok": then} | (ways.raising(waits=False) if raises else {})
        stored = tuple(sorted(names))
        store = Node("atom", key, edges, statement, frozenset(reads - names), stored)
        parts = [part for target in targets for part in _parts(target)]
        value = getattr(statement, "value", None)
        return self._expressions.sequence([*([value] if value else []), *parts], ways, store)

    def _taken(self, statement: ast.stmt) -> str:
        """The name that gets the connection where a call gives it with other values."""
        match statement:
            case ast.Assign(targets=[ast.Tuple(elts=elements)], value=value):
                opening = self._meaning.opened_by(value)
                if opening and opening.index is not None and opening.index < len(elements):
                    element = elements[opening.index]
                    return element.id if isinstance(element, ast.Name) else ""
        return ""

    # -- jumps

    def _return(self, statement: ast.Return, ways: Ways) -> Node:
        value = statement.value
        reads: set[str] = set()
        key = token(value, reads) if value is not None else ("NoneType", "None")
        pend = Node("pend", key, {"ok": ways.leave}, statement, frozenset(reads))
        return self._expressions.sequence([value] if value else [], ways, pend)

    def _raise(self, statement: ast.Raise, ways: Ways) -> Node:
        reads: set[str] = set()
        # The caught exception leaves by the handler's error edge.
        node = Node(
            "atom", key_of(statement, reads), {"ok": ways.error}, statement, frozenset(reads)
        )
        parts = [part for part in (statement.exc, statement.cause) if part is not None]
        return self._expressions.sequence(parts, ways, node)

    def _assert(self, statement: ast.Assert, ways: Ways, then: Node) -> Node:
        node = Node("atom", ("assert",), {"ok": ways.error}, statement)
        failed = self._expressions.sequence([statement.msg] if statement.msg else [], ways, node)
        return self._expressions.condition(statement.test, ways, then, failed)

    # -- loops and matches

    def _while(self, statement: ast.While, ways: Ways, then: Node) -> Node:
        head = later(lambda: entry)
        inside = replace(ways, stop=then, again=head)
        body = self.block(statement.body, inside, head)
        entry = self._expressions.condition(
            statement.test, ways, body, self.block(statement.orelse, ways, then)
        )
        return head

    def _for(self, statement: ast.For | ast.AsyncFor, ways: Ways, then: Node) -> Node:
        waits = isinstance(statement, ast.AsyncFor)
        head = later(lambda: turn)
        body = self.block(statement.body, replace(ways, stop=then, again=head), head)
        reads: set[str] = set()
        key = ("next", waits, token(statement.target, reads))
        names = {node.id for node in ast.walk(statement.target) if isinstance(node, ast.Name)}
        for name in sorted(names & self._followed.handles):
            body = Node("forget", edges={"ok": body}, detail=(name,))
        done = self.block(statement.orelse, ways, then)
        edges = {"item": body, "done": done} | ways.raising(waits=waits)
        turn = Node("atom", key, edges, statement, detail=tuple(sorted(names)), waits=waits)
        key = ("iter", waits, token(statement.iter, reads))
        edges = {"ok": head} | ways.raising(waits=False)
        begin = Node("atom", key, edges, statement, frozenset(reads - names))
        return self._expressions.sequence([statement.iter], ways, begin)

    def _match(self, statement: ast.Match, ways: Ways, then: Node) -> Node:
        following = then
        for case in reversed(statement.cases):
            body = self.block(case.body, ways, then)
            if case.guard is not None:
                guard = partial(self._expressions.condition, case.guard, ways, body, following)
                body = later(guard)
            reads: set[str] = set()
            key = ("case", flat(case.pattern, reads), token(statement.subject, reads))
            edges = {"true": body, "false": following, ERROR: ways.error}
            following = Node("test", key, edges, case.pattern, frozenset(reads))
        return self._expressions.sequence([statement.subject], ways, following)

    # -- try

    def _try(self, statement: ast.Try | ast.TryStar, ways: Ways, then: Node) -> Node:
        if statement.finalbody:
            final = partial(self._final, statement.finalbody, ways)
            then = final(then)
            ways = Ways(*(final(way) for way in _all(ways)))
        if not statement.handlers:
            return self.block(statement.body, ways, self.block(statement.orelse, ways, then))
        body = replace(
            ways,
            error=later(partial(self._handlers, statement, ERROR, ways, then)),
            cancel=later(partial(self._handlers, statement, CANCEL, ways, then)),
        )
        return self.block(statement.body, body, self.block(statement.orelse, ways, then))

    def _final(self, body: list[ast.stmt], ways: Ways, after: Node) -> Node:
        """A copy of a ``finally`` for one way through it; made when the walk takes that way."""
        return later(partial(self.block, body, ways, after))

    def _handlers(
        self, statement: ast.Try | ast.TryStar, kind: str, ways: Ways, then: Node
    ) -> Node:
        following = ways.of(kind)
        for handler in reversed(statement.handlers):
            following = self._handler(handler, kind, ways, then, following)
        return following

    def _handler(
        self, handler: ast.ExceptHandler, kind: str, ways: Ways, then: Node, following: Node
    ) -> Node:
        # A bare `raise` raises the caught exception again.
        inside = replace(ways, error=ways.of(kind)) if kind == CANCEL else ways
        body = later(partial(self._handler_body, handler, kind, inside, ways, then))
        if handler.name in self._followed.handles:
            body = Node("forget", edges={"ok": body}, detail=(handler.name or "",))
        caught = catches(handler.type, kind)
        if caught is False:
            return following
        if caught is True:
            following = body
        reads: set[str] = set()
        key = ("match", token(handler.type, reads), handler.name or "")
        edges = {"true": body, "false": following}
        return Node("test", key, edges, handler, frozenset(reads))

    def _handler_body(
        self, handler: ast.ExceptHandler, kind: str, inside: Ways, ways: Ways, then: Node
    ) -> Node:
        last = handler.body[-1]
        if kind == CANCEL and isinstance(last, ast.Raise) and _again(last, handler.name):
            # Only the last statement raises the caught exception; earlier errors are new ones.
            again = later(partial(self._raise, last, inside))
            return self.block(handler.body[:-1], ways, again)
        return self.block(handler.body, ways, then)


def catches(types: ast.expr | None, kind: str) -> bool | None:
    """Whether a clause catches an error or a cancellation, None where that is unknown."""
    if types is None:
        return True
    parts = types.elts if isinstance(types, ast.Tuple) else [types]
    names = [ast.unparse(part) for part in parts]
    if kind == ERROR:
        return True if any(name in _ALL_ERRORS for name in names) else None
    if any(name in _CANCELLATION for name in names):
        return True
    if all(name in _NO_CANCELLATION or name.startswith("nats.") for name in names):
        return False
    return None


def _all(ways: Ways) -> tuple[Node, Node, Node, Node, Node]:
    return ways.error, ways.cancel, ways.leave, ways.stop, ways.again


def _again(statement: ast.Raise, name: str | None) -> bool:
    """Whether a ``raise`` raises the exception that the clause caught."""
    return statement.exc is None or (
        isinstance(statement.exc, ast.Name) and statement.exc.id == name and not statement.cause
    )


def _single(statement: ast.stmt) -> tuple[str | None, ast.expr | None]:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return name, value
        case ast.AnnAssign(target=ast.Name(id=name), value=value):
            return name, value
    return None, None


def _store_key(statement: ast.stmt, reads: set[str]) -> object:
    """An annotation of a local name is not evaluated: it is no part of the store."""
    if isinstance(statement, ast.AnnAssign):
        return "Assign", token([statement.target], reads), token(statement.value, reads)
    return key_of(statement, reads)


def _targets(statement: ast.stmt) -> list[ast.expr]:
    if isinstance(statement, (ast.Assign, ast.Delete)):
        return statement.targets
    return [statement.target] if isinstance(statement, (ast.AnnAssign, ast.AugAssign)) else []


def _parts(target: ast.expr) -> list[ast.expr]:
    """The expressions evaluated before a store to a target."""
    match target:
        case ast.Attribute(value=value) | ast.Starred(value=value):
            return [value] if isinstance(target, ast.Attribute) else _parts(value)
        case ast.Subscript(value=value, slice=index):
            return [value, index]
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            return [part for element in elements for part in _parts(element)]
    return []
