"""Keys by which atoms are compared: their text, one level deep, without their own atoms'."""

from __future__ import annotations

import ast
from collections.abc import Hashable, Iterable

# Expressions that are atoms, or hold tests: their own nodes are compared.
_ATOMS = (
    ast.Attribute,
    ast.Call,
    ast.Await,
    ast.Subscript,
    ast.BinOp,
    ast.UnaryOp,
    ast.Compare,
    ast.BoolOp,
    ast.IfExp,
    ast.Yield,
    ast.YieldFrom,
    ast.NamedExpr,
)
_SCOPES = (
    ast.Lambda,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
)
_NO_TEXT = frozenset({"ctx", "type_comment", "type_params"})
_LONGEST = 70


def key_of(node: ast.AST, reads: set[str]) -> Hashable:
    """The key of an atom; the names that it reads are added to ``reads``."""
    parts = (
        token(getattr(node, name, None), reads) for name in node._fields if name not in _NO_TEXT
    )
    return type(node).__name__, *parts


def given_token(given: Iterable[tuple[int, ast.expr]], reads: set[str]) -> Hashable:
    """The part of a key from the arguments of an opener, or of its manager."""
    return tuple((index, token(value, reads)) for index, value in sorted(given, key=_index))


def _index(argument: tuple[int, ast.expr]) -> int:
    return argument[0]


def token(value: object, reads: set[str]) -> Hashable:
    """The part of a key from one part of an atom."""
    match value:
        case ast.Name(id=name):
            reads.add(name)
            return name
        case ast.Constant():
            return type(value.value).__name__, repr(value.value)
        case ast.Attribute() if (text := dotted(value, reads)) is not None:
            return text
        case list():
            return tuple(token(item, reads) for item in value)
        case ast.AST() if isinstance(value, _SCOPES):
            return flat(value, reads)
        case ast.AST() if isinstance(value, _ATOMS):
            return "…"
        case ast.AST():
            return key_of(value, reads)
    return repr(value)


def dotted(value: ast.expr, reads: set[str]) -> str | None:
    """The text of a short chain of attributes on a name."""
    trail: list[str] = []
    while isinstance(value, ast.Attribute):
        trail.append(value.attr)
        value = value.value
        if len(trail) > 4:
            return None
    if not isinstance(value, ast.Name):
        return None
    reads.add(value.id)
    return ".".join([value.id, *reversed(trail)])


def flat(root: ast.AST, reads: set[str]) -> Hashable:
    """A whole syntax tree as one sequence, for nested scopes and patterns."""
    parts: list[Hashable] = []
    stack: list[object] = [root]
    while stack:
        value = stack.pop()
        if isinstance(value, list):
            parts.append(len(value))
            stack += reversed(value)
        elif isinstance(value, ast.AST):
            parts.append(type(value).__name__)
            if isinstance(value, ast.Name):
                reads.add(value.id)
            stack += [getattr(value, name, None) for name in reversed(value._fields)]
        else:
            parts.append(repr(value))
    return tuple(parts)


def display(node: ast.AST) -> str:
    """An atom as a message quotes it: its first line, shortened."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return node.name
    if isinstance(node, (ast.With, ast.AsyncWith)):
        node = node.items[0].context_expr
    elif isinstance(node, (ast.For, ast.AsyncFor)):
        node = node.iter
    try:
        text = ast.unparse(node).partition("\n")[0]
    except RecursionError:
        return "a long expression"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
