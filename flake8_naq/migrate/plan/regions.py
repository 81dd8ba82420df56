"""The stretch of a function in which a connection is open, and how its closes are written there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from flake8_naq.lifetimes import Site
from flake8_naq.migrate.message import Line, RefusedError
from flake8_naq.migrate.plan.closes import Close, Closers
from flake8_naq.migrate.plan.module import Module
from flake8_naq.migrate.syntax import Mention, last_line
from flake8_naq.names import Names, Scope, own_nodes

_COLLECTING = (
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
    ast.Starred,
    ast.List,
    ast.Set,
    ast.Dict,
)

# Calls that never return, as they are usually written.
_LEAVING = frozenset(
    [
        "sys.exit",
        "exit",
        "quit",
        "os._exit",
        "pytest.skip",
        "pytest.fail",
        "pytest.exit",
        "self.fail",
        "self.skipTest",
    ]
)
Shape = Literal["before-try", "inside-try", "straight", "never"]


@dataclass
class Region:
    """Where a connection lives, from its acquisition to its close.

    Attributes:
        site: The acquisition.
        scope: The function around it.
        handle: The variable.
        shape: How acquisition and close stand to each other.
        acquire: The acquiring statement.
        anchor: The statement that the region starts with: the acquiring one, or the ``try`` around
            it when every other way out of that leaves the function.
        made: ``nc = NATS()``, when the client is made before it connects.
        guard: The ``try`` whose ``finally`` closes.
        end: The last statement of the region, in the acquisition's block.
        closes: The statements that close it, in source order.
        others: Statements of the ``finally`` that do something else.
        inits: ``nc = None`` before the acquisition.
        mentions: Every mention of the variable in the function.
        closing: Every close of a connection in the function, this one or another.
    """

    site: Site
    scope: Scope
    handle: str
    shape: Shape
    acquire: ast.stmt
    anchor: ast.stmt
    made: ast.stmt | None
    guard: ast.Try | None
    end: ast.stmt
    closes: list[Close]
    others: list[ast.stmt]
    inits: list[ast.stmt]
    mentions: list[Mention]
    closing: list[Close]

    @property
    def unpacked(self) -> bool:
        """Whether the connection is one of several values that the acquisition gives."""
        return isinstance(self.acquire, ast.Assign) and isinstance(
            self.acquire.targets[0], ast.Tuple
        )

    def siblings(self, module: Module) -> list[ast.stmt]:
        """The block in which it starts and ends."""
        return module.blocks.place(self.anchor).block


def find_region(module: Module, site: Site) -> Region:
    """Find the region of a hand-managed connection.

    Raises:
        RefusedError: The connection is not used in a way that one block could hold.
    """
    scope = module.analysis.names.scopes[site.scope]
    if not isinstance(scope.node, ast.AsyncFunctionDef):
        raise RefusedError("it is not opened in an `async def`")
    _refuse_gathered(module, site)
    handle = _bound_name(site)
    closers = Closers(
        module.analysis.names,
        module.vocabulary,
        scope,
        module.handles(site),
        frozenset(release.call for release in site.releases if release.method == "helper"),
    )
    named = module.mentions(scope, handle)
    _refuse_kept(module, scope, handle, named)
    found = list(_closes(closers, scope.node))
    mine = [close for close in found if close.handle == handle]
    if not mine:
        mine = [close for close in found if close.handle is None]
    anchor = _anchor(module, site, mine)
    place = module.blocks.place(anchor)
    inits, made = _bindings(module, site, handle, named, mine)
    block, index = place.block, place.index

    def region(shape: Shape, guard: ast.Try | None, end: ast.stmt) -> Region:
        others: list[ast.stmt] = []
        if guard is not None:
            closing = {id(close.statement) for close in found}
            others = [stmt for stmt in guard.finalbody if id(stmt) not in closing]
        last = end.end_lineno or end.lineno
        first = guard.lineno if shape == "inside-try" and guard else site.statement.lineno
        _refuse_rebound(module, site, first, last)
        if shape == "inside-try":
            _refuse_open_before(module, site, mine, inits, anchor)
        inside = [close for close in mine if first <= close.statement.lineno <= last]
        return Region(
            site,
            scope,
            handle,
            shape,
            site.statement,
            anchor,
            made,
            guard,
            end,
            inside,
            others,
            inits,
            named,
            found,
        )

    statements = {id(close.statement) for close in mine}
    if (
        isinstance(place.owner, ast.Try)
        and place.field == "body"
        and any(id(statement) in statements for statement in place.owner.finalbody)
    ):
        return _from_the_client(module, region("inside-try", place.owner, place.owner))
    rebound = _rebinding(site, named)
    for statement in block[index + 1 :]:
        if (
            isinstance(statement, ast.Try)
            and statement.lineno < rebound
            and any(id(inner) in statements for inner in statement.finalbody)
        ):
            return region("before-try", statement, statement)
    straight = [
        statement
        for statement in block[index + 1 :]
        if id(statement) in statements and statement.lineno < rebound
    ]
    if straight:
        return region("straight", None, _outermost(module, site, found, block, straight[-1]))
    for statement in block[index + 1 :]:
        if isinstance(statement, ast.TryStar) and any(
            id(inner) in statements for inner in statement.finalbody
        ):
            raise RefusedError("the `try` on ", Line(statement.lineno), " has `except*` clauses")
    if any(site.statement.lineno < close.statement.lineno < rebound for close in mine):
        raise RefusedError(
            "it is closed in some branches only, or in another block than it is opened"
        )
    for release in site.releases:
        line = release.call.lineno
        if release.method == "helper":
            called = ast.unparse(release.call.func)
            raise RefusedError(f"`{called}`, which ", Line(line), " calls, closes it")
        raise RefusedError("the close on ", Line(line), " is of a form that is not known")
    return region("never", None, block[-1])


def _from_the_client(module: Module, region: Region) -> Region:
    """The region from the client on, where it is made before the ``try`` that closes it.

    The block then closes a client that fails to connect, as the ``finally`` did.
    """
    made, guard = region.made, region.guard
    if made is None or guard is None or guard not in module.blocks.place(made).block:
        return region
    return replace(region, shape="before-try", acquire=made, anchor=made, made=None)


def _anchor(module: Module, site: Site, mine: list[Close]) -> ast.stmt:
    """Where the region starts: the acquisition, or the ``try`` that it has for itself."""
    statement = site.statement
    place = module.blocks.place(statement)
    guard = place.owner
    if not isinstance(guard, ast.Try) or place.field != "body" or guard.finalbody:
        return statement
    last = guard.end_lineno or guard.lineno
    if any(statement.lineno < close.statement.lineno <= last for close in mine):
        return statement
    if not any(close.statement.lineno > last for close in mine):
        return statement
    names, scope = module.analysis.names, module.analysis.names.scopes[site.scope]
    if not guard.handlers or not all(
        _leaves(handler.body[-1], names, scope) for handler in guard.handlers
    ):
        return statement
    return guard


def _leaves(statement: ast.stmt, names: Names, scope: Scope) -> bool:
    """Whether what follows a statement never runs."""
    match statement:
        case ast.Return() | ast.Raise() | ast.Continue() | ast.Break():
            return True
        case ast.Expr(value=ast.Call(func=function)):
            return ast.unparse(function) in _LEAVING or _never_returns(function, names, scope)
    return False


def _never_returns(function: ast.expr, names: Names, scope: Scope) -> bool:
    """Whether a function of the module runs straight to a `raise` or a `sys.exit()`."""
    own = names.own_function(function, scope)
    if not isinstance(own, ast.FunctionDef) or own.decorator_list:
        return False
    *before, last = own.body
    straight = all(isinstance(statement, (ast.Expr, ast.Assign)) for statement in before)
    leaves = isinstance(last, ast.Raise) or (
        isinstance(last, ast.Expr)
        and isinstance(last.value, ast.Call)
        and ast.unparse(last.value.func) in _LEAVING
    )
    generates = any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in own_nodes(own))
    return straight and leaves and not generates


def _outermost(
    module: Module, site: Site, found: list[Close], block: list[ast.stmt], end: ast.stmt
) -> ast.stmt:
    """The end of a region that holds those which start in it and are closed after it."""
    others = [
        other
        for other in module.analysis.sites
        if other.scope is site.scope
        and other.handle != site.handle
        and other.statement.lineno > site.statement.lineno
    ]
    while True:
        last = block.index(end)
        inside = {other.handle for other in others if other.statement in block[:last]}
        later = [
            close.statement
            for close in found
            if close.handle in inside and close.statement in block[last + 1 :]
        ]
        if not later:
            return end
        end = later[-1]


def _refuse_gathered(module: Module, site: Site) -> None:
    """A statement that opens several connections at once binds more than a connection."""
    node: ast.AST = site.call
    while node is not site.statement:
        node = module.parents[node]
        if isinstance(node, _COLLECTING) or (
            isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "gather"
        ):
            raise RefusedError(
                "several connections are opened at once on ",
                Line(site.call.lineno),
                ": open one connection and use it for all",
            )


def _bound_name(site: Site) -> str:
    match site.statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Await()):
            return name
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.Await()):
            return name
        case ast.Expr(
            value=ast.Await(
                value=ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="connect"))
            )
        ):
            return name
        case ast.Assign(targets=[ast.Tuple(elts=elements)], value=ast.Await()):
            names = [element.id for element in elements if isinstance(element, ast.Name)]
            if site.handle in names and names.count(site.handle) == 1:
                return site.handle
    if site.handle and "." in site.handle:
        raise RefusedError(f"the connection is kept on `{site.handle}`")
    raise RefusedError("the connection is not bound to a variable by a statement of its own")


def _closes(closers: Closers, root: ast.AST) -> Iterator[Close]:
    """The outermost closing statements of a function, in source order."""
    found: dict[int, Close] = {}
    inner: set[int] = set()
    for node in own_nodes(root):
        if isinstance(node, ast.stmt) and (close := closers.close(node)):
            found[id(node)] = close
            inner.update(id(child) for child in ast.walk(node) if child is not node)
    yield from sorted(
        (close for key, close in found.items() if key not in inner),
        key=lambda close: close.statement.lineno,
    )


def _bindings(
    module: Module, site: Site, handle: str, named: list[Mention], mine: list[Close]
) -> tuple[list[ast.stmt], ast.stmt | None]:
    """The ``nc = None`` and the ``nc = NATS()`` that belong to an acquisition.

    Raises:
        RefusedError: The variable is bound by anything else than connections.
    """
    acquiring = {
        id(other.statement) for other in module.analysis.sites if other.scope is site.scope
    }
    inits: list[ast.stmt] = []
    made: ast.stmt | None = None
    constructed = isinstance(site.statement, ast.Expr)
    acquired = [other.lineno for other in _acquired_again(module, site)]
    closed = [last_line(close.statement) for close in mine]
    for mention in named:
        if isinstance(mention.node.ctx, ast.Load):
            continue
        statement = module.parents[mention.node]
        if isinstance(statement, ast.Tuple):
            statement = module.parents[statement]
        if id(statement) in acquiring and not mention.captured:
            continue
        before = mention.line < site.statement.lineno
        match statement:
            case (
                ast.Assign(targets=[_], value=ast.Constant(value=None))
                | ast.AnnAssign(value=ast.Constant(value=None))
            ) if not mention.captured:
                if before:
                    inits.append(statement)
                if before or _is_after_close(mention.line, site, closed, acquired):
                    continue
            case (
                ast.Assign(targets=[_], value=ast.Call(args=[], keywords=[]))
                | ast.AnnAssign(value=ast.Call(args=[], keywords=[]))
            ) if constructed and not mention.captured:
                if before:
                    made = statement
                continue
        raise RefusedError(f"`{handle}` is bound again on ", Line(mention.line))
    for node in own_nodes(site.scope):
        if handle in _bound_without_a_name(node):
            line = getattr(node, "lineno", site.statement.lineno)
            raise RefusedError(f"`{handle}` is bound again on ", Line(line))
    if constructed and made is None:
        raise RefusedError(f"`{handle}` is a client that was made elsewhere")
    return inits, made


def _is_after_close(line: int, site: Site, closed: list[int], acquired: list[int]) -> bool:
    """Whether a line comes after the last close of a connection, by the order of lines.

    Args:
        line: The line.
        site: The acquisition.
        closed: The lines on which connections of this name are closed.
        acquired: The lines on which the name is given another connection.
    """
    return any(site.statement.lineno < close < line for close in closed) and all(
        any(line < other < close for other in acquired) for close in closed if close > line
    )


def _bound_without_a_name(node: ast.AST) -> Iterator[str | None]:
    """The variables that a node binds and whose names are no nodes of their own."""
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


def _refuse_rebound(module: Module, site: Site, first: int, last: int) -> None:
    """Inside a region its variable means one connection: the block closes the one it opened."""
    for other in _acquired_again(module, site):
        if first <= other.lineno <= last:
            raise RefusedError(f"`{site.handle}` is bound again on ", Line(other.lineno))


def _refuse_open_before(
    module: Module, site: Site, mine: list[Close], inits: list[ast.stmt], anchor: ast.stmt
) -> None:
    """A ``finally`` around an acquisition that fails closes what the variable meant before."""
    guard = module.blocks.place(anchor).owner
    block = module.blocks.place(guard).block if isinstance(guard, ast.Try) else []
    first = guard.lineno if isinstance(guard, ast.Try) else anchor.lineno
    forgotten = [init for init in inits if init in block]
    for other in _acquired_again(module, site):
        between = (*(close.statement for close in mine), *forgotten)
        if other.lineno < first and not any(
            other.lineno < statement.lineno < first for statement in between
        ):
            raise RefusedError(
                f"`{site.handle}` holds another connection from ", Line(other.lineno)
            )


def _acquired_again(module: Module, site: Site) -> Iterator[ast.stmt]:
    """Other statements of the function that give the variable a connection."""
    for other in module.analysis.sites:
        if (
            other.scope is site.scope
            and other.handle == site.handle
            and other.statement is not site.statement
        ):
            yield other.statement


def _rebinding(site: Site, named: list[Mention]) -> float:
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


def _refuse_kept(module: Module, scope: Scope, handle: str, named: list[Mention]) -> None:
    if handle in scope.declared:
        raise RefusedError(f"`{handle}` is global or nonlocal")
    for mention in named:
        parent = module.parents[mention.node]
        if isinstance(mention.node.ctx, ast.Del):
            raise RefusedError(f"`{handle}` is deleted on ", Line(mention.line))
        if isinstance(parent, (ast.Return, ast.Yield, ast.YieldFrom)):
            raise RefusedError(f"`{handle}` leaves the function on ", Line(mention.line))
        if isinstance(mention.node.ctx, ast.Load) and isinstance(
            parent,
            (ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.Tuple, ast.List, ast.Set, ast.Dict),
        ):
            raise RefusedError(f"`{handle}` is kept under another name on ", Line(mention.line))
        if (
            isinstance(parent, ast.Call)
            and isinstance(parent.func, ast.Attribute)
            and parent.func.attr in ("append", "add", "put", "put_nowait", "setdefault", "insert")
            and mention.node in parent.args
        ):
            raise RefusedError(
                "connections are collected on ",
                Line(mention.line),
                ": open one connection outside the loop and use it for all",
            )
