"""Proof obligations that the walk does not cover: they concern values, not order."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

from flake8_naq.migrate.prove.difference import Difference
from flake8_naq.migrate.prove.followed import Followed
from flake8_naq.migrate.prove.meaning import Meaning

# The errors of a close where no connection is bound, or where the client never connected.
_UNBOUND = frozenset({"UnboundLocalError", "NameError", "AssertionError"})
_PATCHING = frozenset({"setattr", "delattr", "object"})
_INNER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
# The permitted methods of a shared connection; a close would affect all of its users.
_SHARED = frozenset(
    [
        "publish",
        "request",
        "flush",
        "new_inbox",
        "jetstream",
        "jsm",
        "is_connected",
        "is_reconnecting",
        "max_payload",
        "connected_url",
        "client_id",
        "connected_server_version",
        "servers",
        "discovered_servers",
        "rtt",
        "subscribe",
    ]
)
_CALLBACKS = frozenset({"cb", "future", None})


def broken_obligation(before: Meaning, after: Meaning, followed: Followed) -> Difference | None:
    """The first obligation that a rewritten function does not keep.

    Args:
        before: The function before.
        after: The function after.
        followed: The names of the function before.
    """
    return patched(before, followed) or _shared(before, after) or _undeclared_close(before, after)


def patched(meaning: Meaning, followed: Followed) -> Difference | None:
    """Refuse a change of a client's attribute: the end of a block calls nats-py's own close."""
    inner = (part for node in meaning.nodes if isinstance(node, _INNER) for part in ast.walk(node))
    for node in (*meaning.nodes, *inner):
        name = ""
        match node:
            case ast.Attribute(value=ast.Name(id=name), ctx=ast.Store() | ast.Del()):
                pass
            case ast.Call(
                func=ast.Name(id=called) | ast.Attribute(attr=called), args=[ast.Name(id=name), *_]
            ) if called in _PATCHING:
                pass
            case _:
                continue
        if name in followed.handles:
            return Difference((node.lineno, f" changes an attribute of `{name}`"))
    return None


def catches_unbound(before: Meaning) -> Difference | None:
    """Refuse to change the error of a close without a connection where a clause names it."""
    for node in before.nodes:
        if not isinstance(node, ast.ExceptHandler) or node.type is None:
            continue
        named = {part.id for part in ast.walk(node.type) if isinstance(part, ast.Name)}
        if named & _UNBOUND:
            return Difference(
                (
                    "the clause on ",
                    node.lineno,
                    " catches the error of a close without a connection",
                )
            )
    return None


def _shared(before: Meaning, after: Meaning) -> Difference | None:
    """Refuse uses that only a close would end: the end of a shared lease does not close."""
    known = {ast.dump(item) for item in _items(before)}
    for item in _items(after):
        lease = after.lease(item.context_expr)
        if lease is None or lease.exclusive or ast.dump(item) in known:
            continue
        kept = next(_kept(after, item), None)
        if kept is not None:
            return Difference(
                (f"a shared lease does not end what `{ast.unparse(kept)}` leaves behind",)
            )
    return None


def _undeclared_close(before: Meaning, after: Meaning) -> Difference | None:
    """Refuse to replace a close that the manager's rule does not list."""
    known = {ast.dump(item) for item in _items(before)}
    leases = [
        lease
        for item in _items(after)
        if ast.dump(item) not in known and (lease := after.lease(item.context_expr))
    ]
    closes = [_closes(meaning) for meaning in (before, after)]
    for way in (closes[0] - closes[1]) if leases else ():
        if not any(lease.helper.is_closed_by(way) for lease in leases):
            return Difference((f"`{way}` closes it, which no rule gives to the context manager",))
    return None


def _closes(meaning: Meaning) -> Counter[str]:
    awaited = (node for node in meaning.nodes if isinstance(node, ast.Await))
    return Counter(filter(None, map(meaning.closer, awaited)))


def _items(meaning: Meaning) -> Iterator[ast.withitem]:
    return (node for node in meaning.nodes if isinstance(node, ast.withitem))


def _kept(meaning: Meaning, item: ast.withitem) -> Iterator[ast.AST]:
    """Uses of a shared connection that a lease's end would not end."""
    handles = _handles(meaning, item)
    for node in meaning.nodes:
        if isinstance(node, _INNER):
            inner = (part for part in ast.walk(node) if isinstance(part, ast.Name))
            yield from (part for part in inner if part.id in handles)
        if isinstance(node, ast.Call) and _calls_back(node, handles):
            yield node
        yield from (
            node
            for child in ast.iter_child_nodes(node)
            if isinstance(child, ast.Name)
            and child.id in handles
            and isinstance(child.ctx, ast.Load)
            and not _ends(node, handles[child.id], meaning)
        )


def _handles(meaning: Meaning, item: ast.withitem) -> dict[str, str]:
    """The names that hold the lease, or what is derived from it, with their kind."""
    lease = meaning.lease(item.context_expr)
    assert lease is not None
    target = item.optional_vars
    names = [node.id for node in ast.walk(target) if isinstance(node, ast.Name)] if target else []
    kinds = {"jetstream": ["connection", "jetstream"]}
    handles = dict(zip(names, kinds.get(lease.gives, [lease.gives]), strict=False))
    for node in meaning.nodes:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                kind = _derived(value, handles, meaning)
                if kind:
                    handles[name] = kind
    return handles


def _derived(value: ast.expr, handles: dict[str, str], meaning: Meaning) -> str:
    """The kind of handle that an expression derives from another, empty for none."""
    if meaning.derives_from(value) in handles:
        return "jetstream"
    found = meaning.binds(value)
    return "bucket" if found is not None and found[0] in handles else ""


def _ends(parent: ast.AST, kind: str, meaning: Meaning) -> bool:
    """Whether the end of a lease ends everything that this use of a handle starts."""
    if isinstance(parent, ast.Call):
        return meaning.derives_from(ast.Await(parent)) is not None
    if not isinstance(parent, ast.Attribute) or not isinstance(parent.ctx, ast.Load):
        return False
    if kind == "connection":
        return parent.attr in _SHARED
    return not parent.attr.startswith("_") and "object_store" not in parent.attr


def _calls_back(call: ast.Call, handles: dict[str, str]) -> bool:
    match call.func:
        case ast.Attribute(value=ast.Name(id=name), attr=method) if name in handles:
            if not method.startswith(("subscribe", "pull_subscribe")):
                return False
            return (
                len(call.args) > 2
                or any(isinstance(argument, ast.Starred) for argument in call.args)
                or any(word.arg in _CALLBACKS for word in call.keywords)
            )
    return False
