"""What becomes of every connection on every path of a function."""

from __future__ import annotations

import ast

from flake8_naq.lifetimes.facts import (
    Closing,
    Derived,
    Escape,
    Failure,
    Flavour,
    Leak,
    ModuleAnalysis,
    Release,
    ReleaseMethod,
    Scope,
    Site,
)
from flake8_naq.lifetimes.vocabulary import CLOSING_METHODS, DERIVING_METHODS, Vocabulary
from flake8_naq.names import Names, dotted, own_nodes
from flake8_naq.settings import Settings

__all__ = [
    "Closing",
    "Derived",
    "Escape",
    "Failure",
    "Flavour",
    "Leak",
    "ModuleAnalysis",
    "Release",
    "Scope",
    "Site",
    "analyse",
]


def analyse(tree: ast.Module, settings: Settings) -> ModuleAnalysis:
    """Find every connection of a module and follow it.

    Args:
        tree: The module's syntax tree.
        settings: Names of the project's own helpers.
    """
    names = Names(tree)
    vocabulary = Vocabulary(settings)
    analysis = ModuleAnalysis(tree, names)
    for scope in names.scopes.values():
        statements = {}
        finals = set()
        for node in own_nodes(scope.node):
            if isinstance(node, ast.stmt):
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        for inner in ast.walk(child):
                            statements[inner] = node
            if isinstance(node, ast.Try):
                finals |= {inner for item in node.finalbody for inner in ast.walk(item)}
        for call in scope.calls:
            name = names.resolve(call.func, scope)
            flavour = vocabulary.connects(name) if name else None
            statement = statements.get(call)
            if not flavour or not isinstance(statement, ast.Assign):
                continue
            handle = dotted(statement.targets[0])
            if not handle:
                continue
            url = call.args[0] if call.args else None
            site = Site(scope.node, scope.qualname, call, statement, handle, url, flavour)
            handles = {handle}
            for other in sorted(scope.calls, key=lambda node: (node.lineno, node.col_offset)):
                where = statements.get(other)
                if where is None or other is call:
                    continue
                first = dotted(other.args[0]) if other.args else None
                called = names.resolve(other.func, scope) or ""
                owner = other.func.value if isinstance(other.func, ast.Attribute) else None
                method = other.func.attr if isinstance(other.func, ast.Attribute) else ""
                target = dotted(where.targets[0]) if isinstance(where, ast.Assign) else None
                if vocabulary.closes(called):
                    site.releases.append(
                        Release(other, where, "helper", first == handle, other in finals)
                    )
                elif method in CLOSING_METHODS and dotted(owner) == handle:
                    kind: ReleaseMethod = "close" if method == "close" else "drain"
                    site.releases.append(Release(other, where, kind, True, other in finals))
                elif vocabulary.derives_jetstream(called) and first in handles:
                    site.derived.append(Derived("jetstream", target, other, where, first))
                elif method in DERIVING_METHODS and dotted(owner) in handles:
                    bucket = other.args[0] if other.args else None
                    site.derived.append(
                        Derived(
                            DERIVING_METHODS[method], target, other, where, dotted(owner), bucket
                        )
                    )
                else:
                    continue
                handles |= {target} if target else set()
            if any(release.in_finally for release in site.releases):
                site.closing = "finally"
            elif site.releases:
                site.closing = "straight"
                awaited = [
                    node.lineno
                    for node in own_nodes(scope.node)
                    if isinstance(node, ast.Await) and statement.lineno < node.lineno
                ]
                if awaited and min(awaited) < site.releases[0].call.lineno:
                    site.leaks.append(Leak(min(awaited), "raises"))
            analysis.sites.append(site)
    return analysis
