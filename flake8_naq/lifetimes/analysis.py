"""Puts the parts together: a module's scopes, its functions, the files that it imports from."""

from __future__ import annotations

import ast
from functools import cache

from flake8_naq.lifetimes.context import Context
from flake8_naq.lifetimes.facts import ModuleAnalysis
from flake8_naq.lifetimes.helpers import Helpers
from flake8_naq.lifetimes.tracing import trace
from flake8_naq.names import Names
from flake8_naq.names.project import surroundings
from flake8_naq.names.vocabulary import Vocabulary
from flake8_naq.settings import Settings


def analyse(
    tree: ast.Module, settings: Settings, path: str | None = None, text: str = ""
) -> ModuleAnalysis:
    """Find every connection of a module and follow it.

    Args:
        tree: The module's syntax tree.
        settings: Names of the project's own helpers.
        path: The module's path: its imports are followed to the other files of its project. None
            to know the module alone.
        text: The module's source, to leave out what has nothing to do with a connection; empty
            when it is not at hand.
    """
    workspace = workspace_of(settings)
    context = workspace.context(Names(tree, surroundings(path, settings), text))
    sites = [found.site for scope in context.candidates for found in trace(scope, context)]
    return ModuleAnalysis(
        tree,
        context.names,
        sorted(sites, key=lambda site: (site.call.lineno, site.call.col_offset)),
        context.failures,
    )


class Workspace:
    """The cached knowledge of this process about imported files.

    Args:
        settings: Names of the project's own helpers.
    """

    def __init__(self, settings: Settings) -> None:
        self._vocabulary = Vocabulary(settings)
        self._contexts: dict[Names, Context] = {}

    def context(self, names: Names) -> Context:
        """The context of a module that is looked at now, and forgotten after."""

        def context_of(other: Names) -> Context:
            return context if other is names else self._context_elsewhere(other)

        context = Context(names, self._vocabulary, Helpers(context_of))
        return context

    def _context_elsewhere(self, names: Names) -> Context:
        if names not in self._contexts:
            functions = Helpers(self._context_elsewhere)
            self._contexts[names] = Context(names, self._vocabulary, functions)
        return self._contexts[names]


@cache
def workspace_of(settings: Settings) -> Workspace:
    """The workspace of these settings: what was read once is kept as long as the process lives."""
    return Workspace(settings)
