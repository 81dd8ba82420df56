"""The uses of a region's variables, without those that belong to other connections."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import suppress

from flake8_naq.lifetimes import Site
from flake8_naq.message import RefusedError
from flake8_naq.migrate.plan.closing_statements import ClosingStatement
from flake8_naq.migrate.plan.parsed_module import ParsedModule
from flake8_naq.migrate.plan.region import Region
from flake8_naq.migrate.plan.regions import find_region
from flake8_naq.migrate.tree import Mention, is_none, last_line
from flake8_naq.names import own_nodes


def uses_of(
    module: ParsedModule, region: Region, removed: list[ClosingStatement]
) -> dict[str, list[Mention]]:
    """Mentions by variable, without those in acquisition, closes and ``= None``.

    A variable that another region binds again belongs to that region.
    """
    names = {region.handle} | {
        node.id
        for node in own_nodes(region.scope.node)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    apart = _of_the_frame(region, removed)
    for other in _regions_of_the_same_name(module, region):
        for name in names:
            apart.update(_bound_anew(module, other, name))
    return {
        name: [m for m in module.mentions(region.scope, name) if m.node not in apart]
        for name in names
    }


def _of_the_frame(region: Region, removed: list[ClosingStatement]) -> set[ast.AST]:
    """The nodes of the acquisition, of closes and of ``= None``."""
    apart = {node for node in ast.walk(region.acquire) if isinstance(node, ast.Name)}
    found: set[ast.AST] = {*apart}
    for close in removed:
        found.update(ast.walk(close.statement))
    for node in own_nodes(region.scope.node):
        if isinstance(node, ast.Assign) and is_none(node.value) and len(node.targets) == 1:
            found.update(ast.walk(node))
    return found


def _regions_of_the_same_name(module: ParsedModule, region: Region) -> Iterator[Region]:
    """Other regions of the function, apart from this one, whose connection has the same name."""
    for site in module.analysis.sites:
        if _is_another(site, region):
            with suppress(RefusedError):
                other = find_region(module, site)
                if _is_apart(other, region):
                    yield other


def _is_another(site: Site, region: Region) -> bool:
    return (
        site.scope is region.site.scope and site.handle == region.handle and site is not region.site
    )


def _is_apart(other: Region, region: Region) -> bool:
    before = last_line(other.end) < region.acquire.lineno
    after = last_line(region.end) < other.acquire.lineno
    # A failed dial leaves the name unbound: its `finally` would see our connection.
    cleared = other.shape != "inside-try" or any(
        before or init.lineno > last_line(region.end) for init in other.inits
    )
    return (before or after) and cleared


def _bound_anew(module: ParsedModule, other: Region, name: str) -> Iterator[ast.AST]:
    """The mentions of a variable that a region itself binds before it uses it."""
    closing = {node for close in other.closes for node in ast.walk(close.statement)}
    inside = [
        mention
        for mention in module.mentions(other.scope, name)
        if other.acquire.lineno <= mention.line <= other.last or mention.node in closing
    ]
    if not inside or not isinstance(inside[0].node.ctx, ast.Store):
        return
    statement = module.parents[inside[0].node]
    guarded = other.guard.body if other.guard is not None else []
    if statement in other.siblings(module) or statement in guarded:
        yield from (mention.node for mention in inside)
