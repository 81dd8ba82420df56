"""One walk over a module's tree: its scopes, their imports, calls and bindings."""

from __future__ import annotations

import ast
from typing import Any, cast, get_args

from flake8_naq.names.scopes import Binding, Scope
from flake8_naq.names.syntax import SCOPES, ScopeNode, joined

_BINDINGS = frozenset(get_args(Binding))
_NOTED = _BINDINGS | frozenset(
    {
        ast.Attribute,
        ast.Call,
        ast.Import,
        ast.ImportFrom,
        ast.Global,
        ast.Nonlocal,
        ast.Try,
        ast.TryStar,
        ast.Yield,
        ast.YieldFrom,
    }
)
# Of a node's fields, those that can lead to a scope, a call, an import or an attribute.
_NOT_CHILDREN = frozenset(
    [
        "ctx",
        "op",
        "ops",
        "id",
        "attr",
        "name",
        "names",
        "arg",
        "kind",
        "type_comment",
        "level",
        "module",
        "conversion",
        "is_async",
        "simple",
        "rest",
        "kwd_attrs",
        "tag",
    ]
)
_LEAVES = frozenset(
    {
        ast.Name,
        ast.Constant,
        ast.Pass,
        ast.Break,
        ast.Continue,
        ast.alias,
        type(None),
        str,
        int,
        bool,
    }
)


class Index:
    """The result of one walk over a module.

    Attributes:
        module: The module's own scope.
        scopes: The scope that each node opens.
        stars: The modules that a star import takes names from, as written.
        imports_from: Every ``from ... import``.
        tries: Every ``try``.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.module = Scope(tree, None, "")
        self.scopes: dict[ScopeNode, Scope] = {tree: self.module}
        self.stars: list[str] = []
        self.imports_from: list[ast.ImportFrom] = []
        self.tries: list[ast.Try | ast.TryStar] = []
        # Scope by scope, so stack entries need not carry their scope.
        waiting = [self.module]
        while waiting:
            scope = waiting.pop()
            self._walk(scope)
            waiting += scope.children

    def _walk(self, scope: Scope) -> None:
        root = scope.node
        stack: list[Any] = [root]
        while stack:
            node = stack.pop()
            kind = node.__class__
            if kind in SCOPES and node is not root:
                self._open(node, scope)
                continue
            if kind in _NOTED:
                self._note(node, scope)
            stack += _inside(node, kind)

    def _note(self, node: ast.AST, scope: Scope) -> None:
        if isinstance(node, ast.Attribute):
            scope.attributes.append(node)
        elif isinstance(node, ast.Call):
            scope.calls.append(node)
        elif node.__class__ in _BINDINGS:
            scope.bindings.append(cast("Binding", node))
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            self._import(node, scope)
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            scope.declared.update(node.names)
        elif isinstance(node, (ast.Try, ast.TryStar)):
            self.tries.append(node)
        elif isinstance(node, (ast.Yield, ast.YieldFrom)):
            scope.yields = True

    def _import(self, node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                root = alias.name.partition(".")[0]
                scope.imports[alias.asname or root] = alias.name if alias.asname else root
            return
        self.imports_from.append(node)
        origin = "." * node.level + (node.module or "")
        for alias in node.names:
            if alias.name == "*":
                self.stars.append(origin)
            else:
                scope.imports[alias.asname or alias.name] = joined(origin, alias.name)

    def _open(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef, outer: Scope
    ) -> None:
        name = "<lambda>" if isinstance(node, ast.Lambda) else node.name
        scope = Scope(node, outer, f"{outer.qualname}.{name}" if outer.qualname else name)
        outer.children.append(scope)
        self.scopes[node] = scope
        if isinstance(node, ast.ClassDef):
            outer.classes[name] = node
        elif not isinstance(node, ast.Lambda):
            outer.functions[name] = node


def _inside(node: ast.AST, kind: type[ast.AST]) -> list[Any]:
    """The nodes right inside a node that the walk goes to, the last one first."""
    found = []
    for name in _CHILDREN[kind]:
        child = getattr(node, name, None)
        if child.__class__ is list:
            found += [item for item in reversed(child) if item.__class__ not in _LEAVES]
        elif child.__class__ not in _LEAVES:
            found.append(child)
    return found


class _Children(dict[type[ast.AST], tuple[str, ...]]):
    """The fields of each kind of node that are walked, worked out when a kind is first met."""

    def __missing__(self, kind: type[ast.AST]) -> tuple[str, ...]:
        self[kind] = tuple(name for name in kind._fields if name not in _NOT_CHILDREN)
        return self[kind]


_CHILDREN = _Children()
