"""The blocks of a function whose connections one connection could replace."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from flake8_naq.migrate.plan.body_statements import HeaderDerivations
from flake8_naq.migrate.plan.lease_uses import LeaseUses
from flake8_naq.migrate.plan.parsed_module import ParsedModule
from flake8_naq.migrate.tree import Mention, all_arguments, last_line
from flake8_naq.names import Scope, own_nodes

CONNECT = "nats.connect"
JETSTREAM, KV_STORE = "nats_jetstream", "nats_kv_store"

# Attributes that belong to one client; after a join they would be those of another.
_OWN = frozenset(
    [
        "client_id",
        "connected_url",
        "discovered_servers",
        "is_connected",
        "is_reconnecting",
        "last_error",
        "servers",
        "stats",
    ]
)
_PLAIN_VALUES = (
    ast.Name,
    ast.Attribute,
    ast.Constant,
    ast.List,
    ast.Tuple,
    ast.JoinedStr,
    ast.FormattedValue,
    ast.expr_context,
)


@dataclass(frozen=True, slots=True)
class ConnectionBlock:
    """An ``async with`` and its connection.

    Attributes:
        node: The block.
        scope: The function that it is in.
        kind: `nats.connect`, or the name of naq's manager; empty for one that must not be joined.
        call: The call that gives the connection.
        target: The names it binds, outside in: connection, JetStream, bucket; None where it binds none.
        config: The arguments of the call without the bucket.
        bucket: The bucket's name.
    """

    node: ast.AsyncWith
    scope: Scope
    kind: str = ""
    call: ast.Call | None = None
    target: tuple[str | None, str | None, str | None] = (None, None, None)
    config: Sequence[ast.expr | ast.keyword] = ()
    bucket: ast.expr | None = None

    @property
    def first(self) -> int:
        """The first line of its body."""
        return self.node.body[0].lineno

    def holds(self, line: int) -> bool:
        """Whether a line is in its body."""
        return self.first <= line <= last_line(self.node)


@dataclass(frozen=True, slots=True)
class Join:
    """Two blocks that become one.

    Attributes:
        kept: The block that stays.
        joined: The block whose body uses the connection of the other one afterwards.
        nested: Whether it is inside the block that stays, not below it.
        conn: The connection's name in a new header of the block that stays; None leaves the header.
        js: The name of its JetStream there; None when it has none.
        renamed: Names of the joined block, and their new names.
    """

    kept: ConnectionBlock
    joined: ConnectionBlock
    nested: bool
    conn: str | None = None
    js: str | None = None
    renamed: dict[str, str] = field(default_factory=dict)


def blocks(module: ParsedModule, scope: Scope) -> list[ConnectionBlock]:
    """The ``async with`` statements of a function, in source order."""
    found = [
        _block(module, scope, node)
        for node in own_nodes(scope.node)
        if isinstance(node, ast.AsyncWith)
    ]
    return sorted(found, key=lambda block: block.node.lineno)


def find_join(module: ParsedModule, found: Sequence[ConnectionBlock]) -> Join | None:
    """The first two of a function's blocks that one connection can serve.

    Args:
        module: The module.
        found: The blocks that may be joined, in source order.
    """
    able = [block for block in found if block.kind]
    for number, joined in enumerate(able):
        # The nearest block around it or above it first.
        for kept in reversed(able[:number]):
            join = _Pair(module, kept, joined, found).join()
            if join is not None:
                return join
    return None


def _block(module: ParsedModule, scope: Scope, node: ast.AsyncWith) -> ConnectionBlock:
    value, bound = node.items[0].context_expr, node.items[0].optional_vars
    names = module.analysis.names
    if len(node.items) == 1 and node.body[0].lineno > node.lineno:
        match value, bound:
            case ast.Await(value=ast.Call(func=function) as call), (None | ast.Name()) as name if (
                names.resolve(function, scope) == CONNECT and not _stands_apart(call)
            ):
                conn = name.id if name is not None else None
                config: list[ast.expr | ast.keyword] = [*call.args, *call.keywords]
                return ConnectionBlock(node, scope, CONNECT, call, (conn, None, None), config)
            case ast.Call(func=function, keywords=[]) as call, _:
                manager = (names.resolve(function, scope) or "").rpartition(".")[2]
                return _managed(node, scope, manager, call)
    return ConnectionBlock(node, scope)


def _managed(node: ast.AsyncWith, scope: Scope, manager: str, call: ast.Call) -> ConnectionBlock:
    match manager, node.items[0].optional_vars, call.args:
        case "nats_connection", None, config:
            return ConnectionBlock(node, scope, manager, call, config=config)
        case "nats_connection", ast.Name(id=conn), config:
            return ConnectionBlock(node, scope, manager, call, (conn, None, None), config)
        case "nats_jetstream", ast.Tuple(elts=[ast.Name(id=conn), ast.Name(id=js)]), config:
            return ConnectionBlock(node, scope, manager, call, (conn, js, None), config)
        case "nats_kv_store", ast.Name(id=kv), [bucket, *config]:
            return ConnectionBlock(node, scope, manager, call, (None, None, kv), config, bucket)
    return ConnectionBlock(node, scope)


def _stands_apart(call: ast.Call) -> bool:
    """Whether an option of the call needs a client with its own connection."""
    words = [word.arg for word in call.keywords]
    return any(word is None or word == "no_echo" or word.endswith("_cb") for word in words)


@dataclass(frozen=True, slots=True)
class _Pair:
    module: ParsedModule
    kept: ConnectionBlock
    joined: ConnectionBlock
    found: Sequence[ConnectionBlock]

    def join(self) -> Join | None:
        """The join of the two, None when it cannot be proven."""
        kept, joined = self.kept, self.joined
        nested = kept.holds(joined.node.lineno)
        if not self._serves_both(nested=nested):
            return None
        if kept.kind == joined.kind and _dumps([kept.bucket]) == _dumps([joined.bucket]):
            # A block that does not name its connection takes the other's name.
            conn = joined.target[0] if kept.target[0] is None else None
            return self._finish(Join(kept, joined, nested, conn), kept.target)
        return self._of_jetstream(nested=nested)

    def _serves_both(self, *, nested: bool) -> bool:
        """Whether one connection can replace the other."""
        kept, joined = self.kept, self.joined
        if (kept.kind == CONNECT) != (joined.kind == CONNECT) or not self._same_config():
            return False
        if not nested and not self._follows():
            return False
        return kept.kind != CONNECT or (self._shareable(kept) and self._shareable(joined))

    def _of_jetstream(self, *, nested: bool) -> Join | None:
        """The join in which the block that stays gives JetStream to both."""
        kept, joined = self.kept, self.joined
        conn = kept.target[0] or joined.target[0] or self._free("conn", "nc")
        js = kept.target[1] or joined.target[1] or self._free("js", "jetstream")
        if conn is None or js is None:
            return None
        if kept.kind == JETSTREAM:
            return self._finish(Join(kept, joined, nested), (conn, js, None))
        if not all(_one_line(block.node) for block in (kept, joined)):
            return None
        return self._finish(Join(kept, joined, nested, conn, js), (conn, js, None))

    def _finish(self, join: Join, target: tuple[str | None, str | None, str | None]) -> Join | None:
        """Map the names of the joined block to those of the block that stays."""
        for own, other in zip(join.joined.target, target, strict=True):
            if own is None:
                continue
            if not self._only_inside(own, join):
                return None
            if other is not None and own != other:
                join.renamed[own] = other
        return join

    def _only_inside(self, name: str, join: Join) -> bool:
        """Whether a name of the joined block means that block's connection wherever it is used."""
        others = [block for block in self.found if block is not join.joined]
        for mention in self.module.mentions(join.joined.scope, name):
            line = mention.line
            if join.joined.node.lineno <= line <= last_line(join.joined.node):
                continue
            elsewhere = [
                block
                for block in others
                if name in block.target and block.node.lineno <= line <= last_line(block.node)
            ]
            # An enclosing block binds the name too: it means another connection after this block.
            if not elsewhere or any(block.holds(join.joined.node.lineno) for block in elsewhere):
                return False
        return True

    def _same_config(self) -> bool:
        kept, joined = self.kept, self.joined
        if _dumps(kept.config) != _dumps(joined.config):
            return False
        nodes = [node for value in kept.config for node in ast.walk(value)]
        if not all(isinstance(node, (*_PLAIN_VALUES, ast.keyword)) for node in nodes):
            return False
        read = {ast.unparse(node) for node in nodes if isinstance(node, (ast.Name, ast.Attribute))}
        owners = {ast.unparse(node.value) for node in nodes if isinstance(node, ast.Attribute)}
        # A block inside of the other may be in a loop there, and come again after what follows it.
        nested = kept.holds(joined.node.lineno)
        last = last_line(kept.node) if nested else joined.node.lineno
        return not any(
            _changes(node, read, owners)
            for node in ast.walk(kept.scope.node)
            if kept.node.lineno < getattr(node, "lineno", 0) <= last
        )

    def _follows(self) -> bool:
        """Whether one block follows the other with nothing in between that takes time."""
        place = self.module.blocks.place(self.joined.node)
        if self.kept.node not in place.block:
            return False
        index = place.block.index(self.kept.node)
        between = place.block[index + 1 : place.index]
        waits = (ast.Await, ast.AsyncFor, ast.AsyncWith, ast.Yield, ast.YieldFrom)
        return not any(isinstance(node, waits) for stmt in between for node in ast.walk(stmt))

    def _shareable(self, block: ConnectionBlock) -> bool:
        """Whether the code uses no attribute that would belong to another client after a join."""
        conn = block.target[0]
        if conn is None:
            return True
        module, scope = self.module, block.scope
        derivations = HeaderDerivations(
            scope, module.analysis.names, module.vocabulary, module.source
        )
        sharing = LeaseUses(conn, derivations, module.parents, module.all_mentions(scope))
        return all(
            sharing.connection_or_derives(mention) and not self._is_own(mention)
            for mention in module.mentions(scope, conn)
            if block.holds(mention.line)
        )

    def _is_own(self, mention: Mention) -> bool:
        parent = self.module.parents[mention.node]
        return isinstance(parent, ast.Attribute) and parent.attr in _OWN

    def _free(self, *names: str) -> str | None:
        """The first name that the function does not use."""
        scope = self.kept.scope
        assert isinstance(scope.node, ast.AsyncFunctionDef)
        used = {argument.arg for argument in all_arguments(scope.node.args)}
        used.update(self.module.all_mentions(scope))
        return next((name for name in names if name not in used), None)


def _changes(node: ast.AST, read: set[str], owners: set[str]) -> bool:
    """Whether a node may change an expression's value: it binds a name, or a call may set an attribute."""
    match node:
        case ast.Name() | ast.Attribute():
            return not isinstance(node.ctx, ast.Load) and ast.unparse(node) in read
        case ast.Call(func=ast.Attribute(value=receiver)) if ast.unparse(receiver) in owners:
            return True
        case ast.Call() if owners:
            given = (*node.args, *(keyword.value for keyword in node.keywords))
            return any(ast.unparse(argument) in owners for argument in given)
    return False


def _dumps(values: Iterable[ast.AST | None]) -> list[str]:
    return [ast.dump(value) if value is not None else "" for value in values]


def _one_line(node: ast.AsyncWith) -> bool:
    return last_line(node.items[0].optional_vars or node.items[0].context_expr) == node.lineno
