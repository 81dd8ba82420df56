"""Which scopes of a module may open a connection: asked before any of them is lowered."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property

from flake8_naq.lifetimes.callees import Callees
from flake8_naq.names import Names, Scope, defaults_of, dotted
from flake8_naq.names.vocabulary import Vocabulary


class Candidates:
    """The scopes of one module that open a connection, as far as names show it.

    Args:
        names: What the module's names stand for.
        vocabulary: Which functions open a connection, by name.
        callees: What the module's calls call.
    """

    def __init__(self, names: Names, vocabulary: Vocabulary, callees: Callees) -> None:
        self._names = names
        self._vocabulary = vocabulary
        self._callees = callees

    def __iter__(self) -> Iterator[Scope]:
        return (scope for scope in self._names.scopes.values() if scope in self)

    def __contains__(self, scope: Scope) -> bool:
        for call in scope.calls:
            last = _last_name(call.func)
            if last in self._openers:
                return True
            if last in self._names_that_open and self._callees.of(call.func, scope).opens:
                return True
        return False

    @cached_property
    def _openers(self) -> set[str]:
        """Last names of the functions that open a connection by themselves, aliases included."""
        wanted = self._vocabulary.opening_names
        found = set(wanted)
        for scope in self._names.scopes.values():
            for local, origin in scope.imports.items():
                if origin.rpartition(".")[2] in wanted:
                    found.add(local)
        for name, value in self._names.module.bound.items():
            if value is not None and _last_name(value) in wanted:
                found.add(name)
        return found

    @cached_property
    def _names_that_open(self) -> set[str]:
        """Last names of the project's own functions that may open one, and of their callers."""
        wanted = set(self._openers)
        callers: dict[str, list[Scope]] = defaultdict(list)
        for scope in self._names.scopes.values():
            for call in scope.calls:
                callers[_last_name(call.func)].append(scope)
        if self._names.elsewhere is not None:
            wanted |= self._names.elsewhere.opening_names(self._imports(), self._called())
        aliases = self._aliases()
        waiting = list(wanted)
        while waiting:
            opener = waiting.pop()
            calling = [getattr(scope.node, "name", "") for scope in callers.pop(opener, ())]
            for name in (*calling, *aliases.pop(opener, ())):
                if name and name not in wanted:
                    wanted.add(name)
                    waiting.append(name)
        return wanted

    def _aliases(self) -> dict[str, list[str]]:
        """Last names of functions, each with the names that the module gives it besides."""
        found: dict[str, list[str]] = defaultdict(list)
        for name, value in self._names.module.bound.items():
            if isinstance(value, (ast.Name, ast.Attribute)):
                found[_last_name(value)].append(name)
        for scope in self._names.scopes.values():
            if isinstance(scope.node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                # `def run(connect=open_bus)`
                for parameter, default in defaults_of(scope.node.args):
                    if isinstance(default, (ast.Name, ast.Attribute)):
                        found[_last_name(default)].append(parameter.arg)
        return found

    def _imports(self) -> Iterator[tuple[str, str]]:
        """Local names and the dotted names that they were imported from."""
        for scope in self._names.scopes.values():
            yield from scope.imports.items()
        for star in self._names.stars:
            yield "*", star

    def _called(self) -> set[str]:
        scopes = self._names.scopes.values()
        return {text for scope in scopes for call in scope.calls if (text := dotted(call.func))}


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
