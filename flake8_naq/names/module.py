"""Resolves the names of a module: imports, aliases, functions and classes."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from flake8_naq.names.indexing import Index
from flake8_naq.names.scopes import Scope, lookup_chain
from flake8_naq.names.syntax import Function, dotted, joined, partial_of
from flake8_naq.nats_table import gives

_BUILTINS = frozenset(dir(builtins))
_UNBOUND = ast.Constant(value=...)
# How many aliases and base classes are followed.
_LONGEST_WAY = 8


@dataclass(frozen=True, slots=True)
class Known:
    """A function or class, in this file or in another one of the project.

    Attributes:
        names: The names of its file, resolved.
        node: Its definition.
    """

    names: Names
    node: Function | ast.ClassDef


class Elsewhere(Protocol):
    """The other files of the project, as one file imports from them (`project.ProjectView`)."""

    def defines(self, origin: str) -> bool:
        """Whether a file of the project defines this dotted name."""
        ...

    def known(self, origin: str, *, opening: bool) -> Known | None:
        """The function or class with this dotted name; `opening` asks for no others."""
        ...

    def aliases(self, origin: str, others: frozenset[str]) -> frozenset[str]:
        """Every dotted name of an import; of `others`, the names of the same definition."""
        ...

    def own_aliases(self, qualname: str, others: frozenset[str]) -> frozenset[str]:
        """Every dotted name of a function of the file itself."""
        ...

    def is_naqs(self, origin: str) -> bool:
        """Whether naq, or a copy of naq by another name, defines the import."""
        ...

    def opening_names(self, imports: Iterable[tuple[str, str]], called: set[str]) -> set[str]:
        """Last names of imported functions that the file calls and that may open a connection."""
        ...


class Names(Index):
    """The names of one module, resolved.

    Args:
        tree: The module.
        elsewhere: The other files of its project, None to know the module alone.
        text: Its source, empty when it is not at hand: then no part of the tree can be left out.
    """

    def __init__(
        self, tree: ast.Module, elsewhere: Elsewhere | None = None, text: str = ""
    ) -> None:
        super().__init__(tree, text)
        self.elsewhere = elsewhere
        self._attributes: dict[tuple[Scope, bool], dict[str, Known | None]] = {}

    def resolve(self, expression: ast.expr, scope: Scope) -> str | None:
        """The dotted name an expression was imported as.

        An unbound name resolves to itself, since a star import may bind it. None for a value
        that the module itself makes.
        """
        trail: list[str] = []
        for _ in range(_LONGEST_WAY):
            while isinstance(expression, ast.Attribute):
                trail.append(expression.attr)
                expression = expression.value
            if not isinstance(expression, ast.Name):
                return None
            name = expression.id
            if name not in scope.origins:
                scope.origins[name] = self._origin(name, scope)
            origin = scope.origins[name]
            if isinstance(origin, str):
                return ".".join([origin, *reversed(trail)]) if trail else origin
            if origin is None:
                return None
            # `connect = nats.connect`: resolve the assigned value.
            expression = origin
        return None

    def definition(
        self, expression: ast.expr, scope: Scope, *, opening: bool = False, way: int = 0
    ) -> Known | None:
        """The function or class that an expression names: ``f``, ``self.f``, ``bus.f``.

        Args:
            expression: The callee.
            scope: Its scope.
            opening: Search other files only for functions that may open a connection.
            way: How many aliases and classes led here.
        """
        if way > _LONGEST_WAY:
            return None
        if isinstance(expression, ast.Name):
            own = self._own_definition(expression, scope)
            if own is not None:
                return own
        elif isinstance(expression, ast.Attribute):
            owner = self.class_of(expression.value, scope, opening=opening, way=way + 1)
            if owner is not None:
                return owner.names.method(owner.node, expression.attr, opening=opening)
        if self.elsewhere is None:
            return None
        origin = self.resolve(expression, scope)
        return None if origin is None else self.elsewhere.known(origin, opening=opening)

    def own_function(self, called: ast.expr, scope: Scope) -> Function | None:
        """The function of this module that an expression names: ``f``, ``self.f``, ``Class.f``."""
        known = self.definition(called, scope)
        if known is None or known.names is not self or isinstance(known.node, ast.ClassDef):
            return None
        return known.node

    def class_of(
        self, expression: ast.expr, scope: Scope, *, opening: bool = False, way: int = 0
    ) -> Known | None:
        """The class that an expression names or is an instance of, if the text shows it."""
        if way > _LONGEST_WAY:
            return None
        if isinstance(expression, ast.Call):
            return self._class_named(expression.func, scope, opening, way)
        if isinstance(expression, ast.Name):
            if expression.id in ("self", "cls"):
                around = self.class_around(scope)
                return self._known(around.node) if around else None
            return self._class_of_name(expression, scope, opening, way)
        if isinstance(expression, ast.Attribute) and isinstance(expression.value, ast.Name):
            around = self.class_around(scope)
            if expression.value.id == "self" and around is not None:
                return self._attributes_of(around, opening, way).get(expression.attr)
        return None

    def method(
        self, owner: Function | ast.ClassDef, name: str, *, opening: bool = False
    ) -> Known | None:
        """The method of a class, or of the first of its bases that has one of this name."""
        waiting, seen = [Known(self, owner)], set[ast.AST]()
        while waiting:
            at = waiting.pop(0)
            if at.node in seen or not isinstance(at.node, ast.ClassDef):
                continue
            seen.add(at.node)
            scope = at.names.scope_of(at.node)
            if name in scope.functions:
                return Known(at.names, scope.functions[name])
            outer = scope.parent or at.names.module
            bases = (at.names.definition(base, outer, opening=opening) for base in at.node.bases)
            waiting += [base for base in bases if base is not None]
        return None

    def member(self, qualname: str) -> Known | None:
        """The function or class of a dotted name in this module."""
        scope = self.module
        parts = qualname.split(".")
        for part in parts[:-1]:
            if part not in scope.classes:
                return None
            scope = self.scope_of(scope.classes[part])
        last = parts[-1]
        if last in scope.functions:
            return Known(self, scope.functions[last])
        if last in scope.classes:
            return Known(self, scope.classes[last])
        if isinstance(scope.node, ast.ClassDef):
            return self.method(scope.node, last)
        return None

    def class_around(self, scope: Scope | None) -> Scope | None:
        """The innermost class around a scope."""
        while scope is not None and not isinstance(scope.node, ast.ClassDef):
            scope = scope.parent
        return scope

    # Imports and aliases

    def _origin(self, name: str, scope: Scope) -> str | ast.expr | None:
        for holder in lookup_chain(scope):
            if name in holder.declared:
                holder = self.module
            given = holder.bound.get(name, _UNBOUND)
            if name in holder.imports:
                # `try: import nats / except ImportError: nats = None` still means the import.
                return holder.imports[name] if given is _UNBOUND or _is_none(given) else None
            # `def run(connect=connect)`
            if given is not _UNBOUND and not (isinstance(given, ast.Name) and given.id == name):
                return _given(given)
        return name if name in _BUILTINS else self._from_star(name)

    def _from_star(self, name: str) -> str:
        for star in reversed(self.stars):
            origin = joined(star, name)
            if star.partition(".")[0] == "nats" and gives(star, name) is not False:
                return origin
            if self.elsewhere is not None and self.elsewhere.defines(origin):
                return origin
        return name

    # Definitions of this module

    def _known(self, node: ast.AST) -> Known | None:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return Known(self, node)
        return None

    def _own_definition(self, name: ast.Name, scope: Scope) -> Known | None:
        """The function or class of this module that a name refers to."""
        for holder in lookup_chain(scope):
            found = holder.functions.get(name.id) or holder.classes.get(name.id)
            if found is not None:
                return Known(self, found)
            if name.id in holder.imports:
                return None
            if name.id in holder.bound:
                given = partial_of(holder.bound[name.id]) or holder.bound[name.id]
                # `def run(connect=connect_to_bus)`
                default = given.id if isinstance(given, ast.Name) else ""
                found = self.module.functions.get(default)
                return None if found is None else Known(self, found)
        return None

    # Classes

    def _class_named(
        self, expression: ast.expr, scope: Scope, opening: bool, way: int
    ) -> Known | None:
        found = self.definition(expression, scope, opening=opening, way=way + 1)
        return found if found is not None and isinstance(found.node, ast.ClassDef) else None

    def _class_of_name(self, name: ast.Name, scope: Scope, opening: bool, way: int) -> Known | None:
        for holder in lookup_chain(scope):
            if name.id in holder.declared:
                holder = self.module
            annotation = _annotation(holder.node, name.id)
            if annotation is not None:
                return self._class_named(annotation, holder, opening, way)
            if name.id in holder.bound and name.id not in holder.classes:
                given = holder.bound[name.id]
                if isinstance(given, ast.Call):
                    return self._class_named(given.func, holder, opening, way)
                return None
            if name.id in holder.imports or name.id in holder.classes:
                break
        return self._class_named(name, scope, opening, way)

    def _attributes_of(self, owner: Scope, opening: bool, way: int) -> dict[str, Known | None]:
        """The class of each attribute of `self`, None where assignments differ."""
        key = (owner, opening)
        if key not in self._attributes:
            self._attributes[key] = {}
            found: dict[str, Known | None] = {}
            for method in owner.children:
                for attribute, kept in _kept_on_self(method):
                    known = self.class_of(kept, method, opening=opening, way=way + 1)
                    if attribute in found and found[attribute] != known:
                        known = None
                    found[attribute] = known
            self._attributes[key] = found
        return self._attributes[key]


def _kept_on_self(method: Scope) -> Iterator[tuple[str, ast.expr]]:
    """The attributes of `self` that a method assigns, with their values; None is left out."""
    for node in method.bindings:
        if not isinstance(node, (ast.Assign, ast.AnnAssign)):
            continue
        if node.value is None or _is_none(node.value):
            continue
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            owner, _, attribute = (dotted(target) or "").rpartition(".")
            if owner == "self":
                yield attribute, node.value


def _annotation(node: ast.AST, name: str) -> ast.expr | None:
    """The class that a function's parameter is annotated with; ``Bus | None`` is a `Bus`."""
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return None
    arguments = node.args
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        if argument.arg == name:
            return _without_none(argument.annotation)
    return None


def _without_none(annotation: ast.expr | None) -> ast.expr | None:
    if isinstance(annotation, ast.BinOp) and _is_none(annotation.right):
        return annotation.left
    if isinstance(annotation, ast.Subscript):
        last = (dotted(annotation.value) or "").rpartition(".")[2]
        return annotation.slice if last == "Optional" else None
    return annotation if isinstance(annotation, (ast.Name, ast.Attribute)) else None


def _given(value: ast.expr | None) -> str | ast.expr | None:
    """The name or module that a value refers to, for a variable bound to it."""
    if isinstance(value, ast.Call):
        return partial_of(value) or _imported_by(value)
    return value if isinstance(value, (ast.Name, ast.Attribute)) else None


def _imported_by(call: ast.Call) -> str | None:
    """The module that a call such as ``pytest.importorskip("nats")`` returns."""
    last = (dotted(call.func) or "").rpartition(".")[2]
    if last not in ("importorskip", "import_module", "__import__") or not call.args:
        return None
    name = call.args[0]
    return name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else None


def _is_none(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Constant) and value.value is None
