"""Which scopes of a module may open a connection: asked before any of them is lowered."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property

from flake8_naq.lifetimes.callees import Callees
from flake8_naq.names import Function, Names, Scope, dotted, partial_of
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
        return (scope for scope in self._names.mentioning(self._names_that_open) if scope in self)

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
        for scope in self._names.importing():
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
        if self._names.elsewhere is not None:
            imports = list(self._imports())
            wanted |= self._names.elsewhere.opening_names(imports, self._called(imports))
        waiting = list(wanted)
        while waiting:
            for name in self._names_through(waiting.pop()):
                if name not in wanted:
                    wanted.add(name)
                    waiting.append(name)
        return wanted

    def _names_through(self, opener: str) -> Iterator[str]:
        """The names by which a function of this last name may be called: its callers' and aliases."""
        for scope in self._names.mentioning([opener]):
            node = scope.node
            yield from _aliases(scope, opener)
            if isinstance(node, ast.ClassDef):
                if any(_last_name(base) == opener for base in node.bases):
                    yield node.name
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and any(
                _last_name(call.func) == opener for call in scope.calls
            ):
                yield from self._names_of_caller(node, scope)

    def _names_of_caller(self, node: Function, scope: Scope) -> Iterator[str]:
        yield node.name
        # `async with Bus()` calls `Bus.__aenter__`.
        owner = self._names.class_around(scope)
        if node.name == "__aenter__" and owner is not None and isinstance(owner.node, ast.ClassDef):
            yield owner.node.name

    def _imports(self) -> Iterator[tuple[str, str]]:
        """Local names and the dotted names that they were imported from."""
        for scope in self._names.importing():
            yield from scope.imports.items()
        for star in self._names.stars:
            yield "*", star

    def _called(self, imports: list[tuple[str, str]]) -> set[str]:
        """The dotted names that the module calls of what it imports from its project."""
        elsewhere = self._names.elsewhere
        roots = [
            local
            for local, origin in imports
            if elsewhere is not None and elsewhere.defines(origin)
        ]
        # A star import may bind any name.
        starred = "*" in roots
        scopes = (
            self._names.scopes.values()
            if starred
            else self._names.mentioning(f"{root}." for root in roots)
        )
        return {text for scope in scopes for call in scope.calls if (text := dotted(call.func))}


def _aliases(scope: Scope, opener: str) -> Iterator[str]:
    """The names that a scope gives a function of this last name: by an assignment or a default."""
    return (
        name
        for name, value in scope.bound.items()
        if value is not None and _last_name(partial_of(value) or value) == opener
    )


def _last_name(node: ast.expr | None) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
