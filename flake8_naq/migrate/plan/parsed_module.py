"""One parsed file with its analysis."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import cached_property

from flake8_naq.files.source_text import Source
from flake8_naq.lifetimes import ModuleAnalysis, Site
from flake8_naq.migrate.match.declared_helpers import DeclaredHelper, DeclaredHelpers
from flake8_naq.migrate.tree import Mention, StatementPlaces, mentions, parents
from flake8_naq.names import Scope
from flake8_naq.names.vocabulary import Vocabulary


@dataclass
class ParsedModule:
    """One parsed file, with cached answers for planning."""

    source: Source
    analysis: ModuleAnalysis
    vocabulary: Vocabulary
    helpers: DeclaredHelpers
    _mentions: dict[ast.AST, dict[str, list[Mention]]] = field(default_factory=dict)

    @cached_property
    def blocks(self) -> StatementPlaces:
        """The places of the statements."""
        return StatementPlaces(self.source.tree)

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """Every node's parent."""
        return parents(self.source.tree)

    def mentions(self, scope: Scope, name: str) -> list[Mention]:
        """Every mention of a variable in a function, in source order."""
        return self.all_mentions(scope).get(name, [])

    def all_mentions(self, scope: Scope) -> dict[str, list[Mention]]:
        """The same of all its variables, by name."""
        if scope.node not in self._mentions:
            self._mentions[scope.node] = mentions(scope)
        return self._mentions[scope.node]

    def helper(self, site: Site) -> DeclaredHelper | None:
        """The function with a rule that a site calls."""
        names = self.analysis.names
        return self.helpers.find(names.resolve(site.call.func, names.scopes[site.scope]))

    def handles(self, site: Site) -> set[str]:
        """The names of all connections that the site's function acquires."""
        return {
            other.handle
            for other in self.analysis.sites
            if other.scope is site.scope and other.handle is not None
        }
