"""Which scopes mention a name or an attribute."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator

from flake8_naq.names import Names, Scope, dotted, own_nodes


class Mentions:
    """The mentions of one module; each name is looked for once."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._of_names: dict[str, list[Scope]] = {}
        self._of_attributes: dict[str, dict[Scope, set[Scope]]] = {}

    def of_name(self, name: str, scope: Scope) -> bool:
        """Whether a function or class other than `scope` mentions a name."""
        if name not in self._of_names:
            self._of_names[name] = list(self._scopes_with(name))
        return any(
            outer is not scope and outer.parent is not None
            for found in self._of_names[name]
            for outer in _outwards(found)
        )

    def of_attribute(self, attribute: str, owner: Scope, scope: Scope) -> bool:
        """Whether another method (or class) inside a class mentions ``self.attribute``."""
        if attribute not in self._of_attributes:
            self._of_attributes[attribute] = self._members_with(attribute)
        return not self._of_attributes[attribute].get(owner, set()) <= {scope}

    def _scopes_with(self, name: str) -> Iterator[Scope]:
        for scope in self._names.mentioning([name]):
            nodes = own_nodes(scope.node)
            if any(isinstance(node, ast.Name) and node.id == name for node in nodes):
                yield scope

    def _members_with(self, attribute: str) -> dict[Scope, set[Scope]]:
        """The members of each class that mention an attribute of `self`."""
        found: dict[Scope, set[Scope]] = defaultdict(set)
        path = f"self.{attribute}"
        for scope in self._names.mentioning([attribute.rpartition(".")[2]]):
            if any(_own_attribute(node) == path for node in scope.attributes):
                for owner, member in _members_around(scope):
                    found[owner].add(member)
        return found


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
