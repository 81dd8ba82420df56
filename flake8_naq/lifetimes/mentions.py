"""An index of the scopes that mention a name or an attribute: one look at the module for all."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator

from flake8_naq.names import Names, Scope, dotted, own_nodes


class Mentions:
    """The mentions of one module, indexed on the first question."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._of_names: dict[str, list[Scope]] | None = None
        self._of_attributes: dict[tuple[Scope, str], set[Scope]] | None = None

    def of_name(self, name: str, scope: Scope) -> bool:
        """Whether a function or class other than `scope` mentions a name."""
        if self._of_names is None:
            self._of_names = self._index_names()
        return any(
            outer is not scope and outer.parent is not None
            for found in self._of_names[name]
            for outer in _outwards(found)
        )

    def of_attribute(self, attribute: str, owner: Scope, scope: Scope) -> bool:
        """Whether another method (or class) inside a class mentions ``self.attribute``."""
        if self._of_attributes is None:
            self._of_attributes = self._index_attributes()
        return not self._of_attributes[owner, f"self.{attribute}"] <= {scope}

    def _index_names(self) -> dict[str, list[Scope]]:
        index: dict[str, list[Scope]] = defaultdict(list)
        for scope in self._names.scopes.values():
            names = {node.id for node in own_nodes(scope.node) if isinstance(node, ast.Name)}
            for name in names:
                index[name].append(scope)
        return index

    def _index_attributes(self) -> dict[tuple[Scope, str], set[Scope]]:
        """The members of each class that mention an attribute of `self`."""
        index: dict[tuple[Scope, str], set[Scope]] = defaultdict(set)
        for scope in self._names.scopes.values():
            for path in {path for node in scope.attributes if (path := _own_attribute(node))}:
                for owner, member in _members_around(scope):
                    index[owner, path].add(member)
        return index


def _own_attribute(node: ast.Attribute) -> str | None:
    path = dotted(node)
    return path if path is not None and path.startswith("self.") else None


def _members_around(scope: Scope) -> Iterator[tuple[Scope, Scope]]:
    """The classes around a scope, each with its member that leads there."""
    for member in _outwards(scope):
        if member.parent is not None and isinstance(member.parent.node, ast.ClassDef):
            yield member.parent, member


def _outwards(scope: Scope) -> Iterator[Scope]:
    current: Scope | None = scope
    while current is not None:
        yield current
        current = current.parent
