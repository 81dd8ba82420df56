"""Finds the bindings of a connection's variable, and other references to the connection."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from flake8_naq.lifetimes import Site
from flake8_naq.message import Line, RefusedError
from flake8_naq.migrate.plan.closing_statements import ClosingStatement
from flake8_naq.migrate.plan.parsed_module import ParsedModule
from flake8_naq.migrate.tree import Mention, last_line
from flake8_naq.names import Scope, own_nodes

_KEEPING = (ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.Tuple, ast.List, ast.Set, ast.Dict)
_COLLECTING_METHODS = frozenset({"append", "add", "put", "put_nowait", "setdefault", "insert"})


@dataclass
class VariableBindings:
    """The statements besides the acquisition that bind its variable.

    Attributes:
        inits: ``nc = None`` before the acquisition.
        made: ``nc = NATS()``, when the client is made before it connects.
    """

    inits: list[ast.stmt] = field(default_factory=list)
    made: ast.stmt | None = None


def bindings_of(
    module: ParsedModule,
    site: Site,
    handle: str,
    named: list[Mention],
    mine: list[ClosingStatement],
) -> VariableBindings:
    """The ``nc = None`` and the ``nc = NATS()`` that belong to an acquisition.

    Raises:
        RefusedError: A binding of the variable does not open a connection.
    """
    acquiring = [o.statement for o in module.analysis.sites if o.scope is site.scope]
    found = VariableBindings()
    for mention in named:
        if isinstance(mention.node.ctx, ast.Load):
            continue
        statement = _binding(module, mention)
        acquires = statement in acquiring
        if mention.captured or not (acquires or _belongs(module, site, statement, mine, found)):
            raise RefusedError(f"`{handle}` is bound again on ", Line(mention.line))
    for node in own_nodes(site.scope):
        if handle in _bound_without_a_name(node):
            line = getattr(node, "lineno", site.statement.lineno)
            raise RefusedError(f"`{handle}` is bound again on ", Line(line))
    if isinstance(site.statement, ast.Expr) and found.made is None:
        raise RefusedError(f"`{handle}` is a client that was made elsewhere")
    return found


def _binding(module: ParsedModule, mention: Mention) -> ast.AST:
    """The statement that binds a variable, alone or in a tuple."""
    statement = module.parents[mention.node]
    return module.parents[statement] if isinstance(statement, ast.Tuple) else statement


def _belongs(
    module: ParsedModule,
    site: Site,
    statement: ast.AST,
    mine: list[ClosingStatement],
    found: VariableBindings,
) -> bool:
    """Whether a binding belongs to the acquisition; it is then added to those that are found."""
    line = getattr(statement, "lineno", 0)
    before = line < site.statement.lineno
    match statement:
        case (
            ast.Assign(targets=[_], value=ast.Constant(value=None))
            | ast.AnnAssign(value=ast.Constant(value=None))
        ):
            if before:
                found.inits.append(statement)
            acquired = [other.lineno for other in acquired_again(module, site)]
            closed = [last_line(close.statement) for close in mine]
            return before or _is_after_close(line, site, closed, acquired)
        case (
            ast.Assign(targets=[_], value=ast.Call(args=[], keywords=[]))
            | ast.AnnAssign(value=ast.Call(args=[], keywords=[]))
        ) if isinstance(site.statement, ast.Expr):
            if before:
                found.made = statement
            return True
    return False


def _is_after_close(line: int, site: Site, closed: list[int], acquired: list[int]) -> bool:
    """Whether a line comes after the last close of a connection, by the order of lines.

    Args:
        line: The line.
        site: The acquisition.
        closed: The lines on which connections of this name are closed.
        acquired: The lines that bind the name to another connection.
    """
    return any(site.statement.lineno < close < line for close in closed) and all(
        any(line < other < close for other in acquired) for close in closed if close > line
    )


def _bound_without_a_name(node: ast.AST) -> Iterator[str | None]:
    """The variables that a node binds without a `Name` node."""
    match node:
        case (
            ast.ExceptHandler(name=name)
            | ast.MatchAs(name=name)
            | ast.MatchStar(name=name)
            | ast.MatchMapping(rest=name)
            | ast.FunctionDef(name=name)
            | ast.AsyncFunctionDef(name=name)
            | ast.ClassDef(name=name)
        ):
            yield name
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in aliases)


def acquired_again(module: ParsedModule, site: Site) -> Iterator[ast.stmt]:
    """Other statements of the function that give the variable a connection."""
    for other in module.analysis.sites:
        if (
            other.scope is site.scope
            and other.handle == site.handle
            and other.statement is not site.statement
        ):
            yield other.statement


def next_binding(site: Site, named: list[Mention]) -> float:
    """The line on which the variable is next bound, infinity when it is not."""
    return min(
        (
            mention.line
            for mention in named
            if isinstance(mention.node.ctx, ast.Store)
            and mention.line > (site.statement.end_lineno or site.statement.lineno)
        ),
        default=float("inf"),
    )


def refuse_kept(module: ParsedModule, scope: Scope, handle: str, named: list[Mention]) -> None:
    """Refuse a connection with a reference besides its variable.

    Raises:
        RefusedError: There is such a reference.
    """
    if handle in scope.declared:
        raise RefusedError(f"`{handle}` is global or nonlocal")
    for mention in named:
        parent = module.parents[mention.node]
        line = Line(mention.line)
        if isinstance(mention.node.ctx, ast.Del):
            raise RefusedError(f"`{handle}` is deleted on ", line)
        if isinstance(parent, (ast.Return, ast.Yield, ast.YieldFrom)):
            raise RefusedError(f"`{handle}` leaves the function on ", line)
        if isinstance(mention.node.ctx, ast.Load) and isinstance(parent, _KEEPING):
            raise RefusedError(f"`{handle}` is kept under another name on ", line)
        if _collects(parent, mention):
            raise RefusedError(
                "connections are collected on ",
                line,
                ": open one connection outside the loop and use it for all",
            )


def _collects(parent: ast.AST, mention: Mention) -> bool:
    match parent:
        case ast.Call(func=ast.Attribute(attr=method), args=args):
            return method in _COLLECTING_METHODS and mention.node in args
    return False
