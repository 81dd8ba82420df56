"""Finds the region of a connection: one recogniser for each shape."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from flake8_naq.lifetimes import Site
from flake8_naq.message import Line, RefusedError
from flake8_naq.migrate.plan.closing_statements import ClosingForms, ClosingStatement
from flake8_naq.migrate.plan.parsed_module import ParsedModule
from flake8_naq.migrate.plan.region import CLOSED_ELSEWHERE, Region, Shape
from flake8_naq.migrate.plan.variable_bindings import (
    VariableBindings,
    acquired_again,
    bindings_of,
    next_binding,
    refuse_kept,
)
from flake8_naq.migrate.tree import Mention
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


def find_region(module: ParsedModule, site: Site) -> Region:
    """Find the region of a hand-managed connection.

    Raises:
        RefusedError: One block cannot hold all uses of the connection.
    """
    return _Finder(module, site).find()


@dataclass
class _Finder:
    """Looks for the region of one connection.

    Attributes:
        module: The file.
        site: The acquisition.
        scope: The function around it.
        handle: The variable.
        named: Every mention of the variable in the function.
        all_closes: Every close of a connection in the function.
        mine: The closes of this connection.
        anchor: The first statement of the region.
        bindings: The other statements that bind the variable.
        after: The statements of the anchor's block that follow it.
        rebound: The line on which the variable is next bound.
    """

    module: ParsedModule
    site: Site
    scope: Scope = field(init=False)
    handle: str = field(init=False)
    named: list[Mention] = field(init=False)
    all_closes: list[ClosingStatement] = field(init=False)
    mine: list[ClosingStatement] = field(init=False)
    anchor: ast.stmt = field(init=False)
    bindings: VariableBindings = field(init=False)
    after: list[ast.stmt] = field(init=False)
    rebound: float = field(init=False)

    def find(self) -> Region:
        """The region, by the first shape that fits."""
        self._look()
        shapes = (self._inside_try, self._before_try, self._straight)
        region = next(filter(None, (shape() for shape in shapes)), None)
        return region or self._never()

    def _look(self) -> None:
        module, site = self.module, self.site
        self.scope = module.analysis.names.scopes[site.scope]
        if not isinstance(self.scope.node, ast.AsyncFunctionDef):
            raise RefusedError("it is not opened in an `async def`")
        _refuse_gathered(module, site)
        self.handle = _bound_name(site)
        closers = ClosingForms(
            module.analysis.names,
            module.vocabulary,
            self.scope,
            module.handles(site),
            frozenset(release.call for release in site.releases if release.method == "helper"),
        )
        self.named = module.mentions(self.scope, self.handle)
        refuse_kept(module, self.scope, self.handle, self.named)
        self.all_closes = list(_closes(closers, self.scope.node))
        self.mine = [close for close in self.all_closes if close.handle == self.handle]
        if not self.mine:
            self.mine = [close for close in self.all_closes if close.handle is None]
        self.anchor = _anchor(module, site, self.mine)
        self.bindings = bindings_of(module, site, self.handle, self.named, self.mine)
        place = module.blocks.place(self.anchor)
        self.after = place.block[place.index + 1 :]
        self.rebound = next_binding(site, self.named)

    def _closes_in(self, statements: list[ast.stmt]) -> bool:
        return any(close.statement in statements for close in self.mine)

    # -- the shapes

    def _inside_try(self) -> Region | None:
        """The ``try`` around the acquisition closes it."""
        place = self.module.blocks.place(self.anchor)
        guard = place.owner
        if not isinstance(guard, ast.Try) or place.field != "body":
            return None
        if not self._closes_in(guard.finalbody):
            return None
        region = self._region("inside-try", guard, guard)
        return _from_the_client(self.module, region)

    def _before_try(self) -> Region | None:
        """A ``try`` after the acquisition closes it."""
        for statement in self.after:
            if (
                isinstance(statement, ast.Try)
                and statement.lineno < self.rebound
                and self._closes_in(statement.finalbody)
            ):
                return self._region("before-try", statement, statement)
        return None

    def _straight(self) -> Region | None:
        """A statement of the same block closes it."""
        closing = [close.statement for close in self.mine]
        ends = [s for s in self.after if s in closing and s.lineno < self.rebound]
        if not ends:
            return None
        block = self.module.blocks.place(self.anchor).block
        return self._region(
            "straight", None, _outermost(self.module, self.site, self.all_closes, block, ends[-1])
        )

    def _never(self) -> Region:
        """Nothing closes it, or some branches alone do."""
        for statement in self.after:
            if isinstance(statement, ast.TryStar) and self._closes_in(statement.finalbody):
                raise RefusedError(
                    "the `try` on ", Line(statement.lineno), " has `except*` clauses"
                )
        first = self.site.statement.lineno
        block = self.module.blocks.place(self.anchor).block
        closes = [c for c in self.mine if first < c.statement.lineno < self.rebound]
        if closes:
            if not all(self._in_a_branch(close, block) for close in closes):
                raise RefusedError(CLOSED_ELSEWHERE)
            return self._region("never", None, block[-1])
        for release in self.site.releases:
            line = Line(release.call.lineno)
            if release.method == "helper":
                called = ast.unparse(release.call.func)
                raise RefusedError(f"`{called}`, which ", line, " calls, closes it")
            raise RefusedError("the close on ", line, " has an unknown form")
        return self._region("never", None, block[-1])

    def _in_a_branch(self, close: ClosingStatement, block: list[ast.stmt]) -> bool:
        """Whether only some paths through a block reach a close."""
        return any(
            owner in block and not isinstance(owner, (ast.With, ast.AsyncWith))
            for owner, _ in self.module.blocks.ancestors(close.statement)
        )

    def _region(self, shape: Shape, guard: ast.Try | None, end: ast.stmt) -> Region:
        closing = [close.statement for close in self.all_closes]
        finalbody = guard.finalbody if guard is not None else []
        others = [statement for statement in finalbody if statement not in closing]
        last = end.end_lineno or end.lineno
        inside = shape == "inside-try" and guard is not None
        first = guard.lineno if inside and guard else self.site.statement.lineno
        _refuse_rebound(self.module, self.site, first, last)
        if inside:
            _refuse_open_before(self.module, self.site, self.mine, self.bindings.inits, self.anchor)
        return Region(
            self.site,
            self.scope,
            self.handle,
            shape,
            self.site.statement,
            self.anchor,
            self.bindings.made,
            guard,
            end,
            [close for close in self.mine if first <= close.statement.lineno <= last],
            others,
            self.bindings.inits,
            self.named,
            self.all_closes,
        )


def _from_the_client(module: ParsedModule, region: Region) -> Region:
    """The region of a client that is made before the ``try`` that closes it, or in that ``try``.

    The block then closes a client that fails to connect, as the ``finally`` did.
    """
    made, guard = region.made, region.guard
    if made is None or guard is None:
        return region
    if guard in module.blocks.place(made).block:
        return replace(region, shape="before-try", acquire=made, anchor=made, made=None)
    if made in guard.body:
        return replace(region, shape="around-try", acquire=made, anchor=guard, made=None)
    return region


def _anchor(module: ParsedModule, site: Site, mine: list[ClosingStatement]) -> ast.stmt:
    """The start of the region: the acquisition, or the ``try`` around only that."""
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
    """Whether control never passes a statement."""
    match statement:
        case ast.Return() | ast.Raise() | ast.Continue() | ast.Break():
            return True
        case ast.Expr(value=ast.Call(func=function)):
            return ast.unparse(function) in _LEAVING or _never_returns(function, names, scope)
    return False


def _never_returns(function: ast.expr, names: Names, scope: Scope) -> bool:
    """Whether a function of the module always ends in a `raise` or a `sys.exit()`."""
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
    module: ParsedModule,
    site: Site,
    found: list[ClosingStatement],
    block: list[ast.stmt],
    end: ast.stmt,
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


def _refuse_gathered(module: ParsedModule, site: Site) -> None:
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
        case ast.Expr():
            match site.call.func:
                case ast.Attribute(value=ast.Name(id=name), attr="connect") if name == site.handle:
                    return name
        case ast.Assign(targets=[ast.Tuple(elts=elements)], value=ast.Await()):
            names = [element.id for element in elements if isinstance(element, ast.Name)]
            if site.handle in names and names.count(site.handle) == 1:
                return site.handle
    if site.handle and "." in site.handle:
        raise RefusedError(f"the connection is kept on `{site.handle}`")
    raise RefusedError("the connection is not bound to a variable by a statement of its own")


def _closes(closers: ClosingForms, root: ast.AST) -> Iterator[ClosingStatement]:
    """The outermost closing statements of a function, in source order."""
    found: dict[int, ClosingStatement] = {}
    inner: set[int] = set()
    for node in own_nodes(root):
        if isinstance(node, ast.stmt) and (close := closers.close(node)):
            found[id(node)] = close
            inner.update(id(child) for child in ast.walk(node) if child is not node)
    yield from sorted(
        (close for key, close in found.items() if key not in inner),
        key=lambda close: close.statement.lineno,
    )


def _refuse_rebound(module: ParsedModule, site: Site, first: int, last: int) -> None:
    """Refuse a region in which the variable means another connection: the block closes its own."""
    for other in acquired_again(module, site):
        if first <= other.lineno <= last:
            raise RefusedError(f"`{site.handle}` is bound again on ", Line(other.lineno))


def _refuse_open_before(
    module: ParsedModule,
    site: Site,
    mine: list[ClosingStatement],
    inits: list[ast.stmt],
    anchor: ast.stmt,
) -> None:
    """Refuse a ``finally`` that, after a failed acquisition, closes an earlier connection."""
    guard = module.blocks.place(anchor).owner
    block = module.blocks.place(guard).block if isinstance(guard, ast.Try) else []
    first = guard.lineno if isinstance(guard, ast.Try) else anchor.lineno
    forgotten = [init for init in inits if init in block]
    for other in acquired_again(module, site):
        between = (*(close.statement for close in mine), *forgotten)
        if other.lineno < first and not any(
            other.lineno < statement.lineno < first for statement in between
        ):
            raise RefusedError(
                f"`{site.handle}` holds another connection from ", Line(other.lineno)
            )
