"""Small queries on syntax nodes, shared by all packages."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TypeAlias

ScopeNode: TypeAlias = (
    ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef
)
Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef

SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def dotted(expression: ast.AST | None) -> str | None:
    """The text of a name or a chain of attributes on a name, ``self.nc``; else None."""
    text = ""
    while expression.__class__ is ast.Attribute:
        text = f".{expression.attr}{text}"
        expression = expression.value
    return expression.id + text if expression.__class__ is ast.Name else None


def defaults_of(arguments: ast.arguments) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    """The parameters of a function that may have a default, with it."""
    positional = [*arguments.posonlyargs, *arguments.args]
    yield from zip(reversed(positional), reversed(arguments.defaults), strict=False)
    yield from zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)


def parameters_of(node: ast.AST) -> set[str]:
    """The names of a function's parameters."""
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        return set()
    arguments = node.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    named += [argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None]
    return {argument.arg for argument in named}


def partial_of(call: ast.expr | None) -> ast.expr | None:
    """The function that ``functools.partial(open_bus, url)`` calls; None for any other expression."""
    if not isinstance(call, ast.Call) or not call.args:
        return None
    return call.args[0] if dotted(call.func) in ("partial", "functools.partial") else None


def own_nodes(root: ast.AST) -> Iterator[ast.AST]:
    """The nodes below a node. A nested function, class or lambda is included, its body is not."""
    stack = list(_inside(root))
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, SCOPES):
            stack += _inside(node)


def _inside(node: ast.AST) -> list[ast.AST]:
    """The nodes right inside a node, without contexts."""
    found: list[ast.AST] = []
    for name in node._fields:
        if name == "ctx":
            continue
        child = getattr(node, name, None)
        if child.__class__ is list:
            found += [item for item in child if isinstance(item, ast.AST)]
        elif isinstance(child, ast.AST):
            found.append(child)
    return found


def joined(module: str, name: str) -> str:
    """A name in a module as one dotted name; `from . import bus` has no dot between."""
    return module + name if module.endswith(".") else f"{module}.{name}"
