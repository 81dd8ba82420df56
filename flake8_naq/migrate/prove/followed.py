"""The names of a function that the proof follows, and those that a closure binds again."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from flake8_naq.migrate.prove.meaning import Meaning
from flake8_naq.names import Scope

_INNER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


@dataclass(frozen=True, slots=True)
class Followed:
    """The names of a function that matter to the proof.

    Attributes:
        handles: Names bound to a connection, or to a handle derived from one.
        rebound: Names that a closure, or another function by `global`, binds again.
        captured: The handles that a closure reads.
        parameters: The function's parameters.
    """

    handles: frozenset[str]
    rebound: frozenset[str]
    captured: frozenset[str]
    parameters: frozenset[str]


def followed(scope: Scope, meaning: Meaning, root: Scope) -> Followed:
    """Read the names of a function.

    Args:
        scope: The function.
        meaning: The meaning of its calls.
        root: The module around it, whose functions may declare names ``global``.
    """
    nodes = meaning.nodes
    handles = {name for node in nodes for name in _handles(node, meaning)}
    rebound = set(scope.declared)
    for inner in _inside(root):
        if inner is not scope:
            rebound |= inner.declared
    inner_names = set(_captured(nodes))
    arguments = getattr(scope.node, "args", None)
    parameters = (
        {node.arg for node in ast.walk(arguments) if isinstance(node, ast.arg)}
        if arguments is not None
        else set()
    )
    handles -= rebound
    return Followed(
        frozenset(handles),
        frozenset(rebound),
        frozenset(inner_names & handles),
        frozenset(parameters),
    )


def _handles(node: ast.AST, meaning: Meaning) -> Iterator[str]:
    match node:
        case (
            ast.Assign(targets=[ast.Name(id=name)], value=value)
            | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
        ):
            if _gives_a_handle(value, meaning):
                yield name
        case ast.Assign(targets=[ast.Tuple(elts=elements)], value=value):
            opening = meaning.opened_by(value)
            if opening is not None and opening.index is not None:
                element = elements[opening.index] if opening.index < len(elements) else None
                yield from _names(element)
        case ast.withitem(context_expr=value, optional_vars=target):
            if meaning.opened_by(value) or meaning.lease(value) or meaning.makes(value):
                yield from _names(target)


def _gives_a_handle(value: ast.expr, meaning: Meaning) -> bool:
    return bool(
        meaning.opened_by(value)
        or meaning.makes(value)
        or meaning.derives_from(value)
        or meaning.binds(value)
    )


def _names(target: ast.expr | None) -> Iterator[str]:
    if target is not None:
        yield from (part.id for part in ast.walk(target) if isinstance(part, ast.Name))


def _captured(nodes: list[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, _INNER):
            yield from (part.id for part in ast.walk(node) if isinstance(part, ast.Name))


def _inside(scope: Scope) -> Iterator[Scope]:
    stack = [scope]
    while stack:
        inner = stack.pop()
        yield inner
        stack += inner.children
