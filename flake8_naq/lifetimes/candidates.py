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
        yield from self._module_aliases.get(opener, ())
        for scope in self._names.mentioning([opener]):
            node = scope.node
            if isinstance(node, (ast.Module, ast.ClassDef)):
                continue
            # `def run(connect=open_bus)`
            for parameter, default in defaults_of(node.args):
                if _is_name(default) and _last_name(default) == opener:
                    yield parameter.arg
            if not isinstance(node, ast.Lambda) and any(
                _last_name(call.func) == opener for call in scope.calls
            ):
                yield node.name

    @cached_property
    def _module_aliases(self) -> dict[str, list[str]]:
        """Last names of functions, each with the names that the module gives it besides."""
        found: dict[str, list[str]] = defaultdict(list)
        for name, value in self._names.module.bound.items():
            if _is_name(value):
                found[_last_name(value)].append(name)
        return found

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


def _is_name(node: ast.expr | None) -> bool:
    return isinstance(node, (ast.Name, ast.Attribute))


def _last_name(node: ast.expr | None) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
