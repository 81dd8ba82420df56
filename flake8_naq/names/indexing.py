"""One walk over a module's tree: its scopes, their imports, calls and bindings."""

from __future__ import annotations

import ast
from collections.abc import Callable
from operator import attrgetter
from typing import Any, TypeAlias, cast, get_args

from flake8_naq.names.scopes import Binding, Scope
from flake8_naq.names.syntax import SCOPES, ScopeNode, joined

_BINDINGS = frozenset(get_args(Binding))
_SCOPES = frozenset(SCOPES)
_NOTED = (
    _BINDINGS
    | _SCOPES
    | frozenset(
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
        list,
        str,
        int,
        bool,
    }
)


Opening: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef


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
        """Note what a scope holds. Every node of a file passes here: it makes few calls."""
        stack: list[Any] = [scope.node]
        while stack:
            node = stack.pop()
            kind = node.__class__
            if kind in _NOTED and self._note(node, scope):
                continue
            # What is pushed last is visited first: the last field, and of a list the first item.
            for child in _CHILDREN[kind](node):
                if child.__class__ not in _LEAVES:
                    stack.append(child)
                elif child.__class__ is list:
                    stack += [item for item in reversed(child) if item.__class__ not in _LEAVES]

    def _note(self, node: ast.AST, scope: Scope) -> bool:
        """Note one node; true if what is in it belongs to a scope of its own."""
        if node.__class__ in _SCOPES and node is not scope.node:
            self._open(cast("Opening", node), scope)
            return True
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
        return False

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

    def _open(self, node: Opening, outer: Scope) -> None:
        name = "<lambda>" if isinstance(node, ast.Lambda) else node.name
        scope = Scope(node, outer, f"{outer.qualname}.{name}" if outer.qualname else name)
        outer.children.append(scope)
        self.scopes[node] = scope
        if isinstance(node, ast.ClassDef):
            outer.classes[name] = node
        elif not isinstance(node, ast.Lambda):
            outer.functions[name] = node


class _Children(dict[type[ast.AST], Callable[[Any], tuple[Any, ...]]]):
    """For each kind of node, a look at its walked fields; made when a kind is first met."""

    def __missing__(self, kind: type[ast.AST]) -> Callable[[Any], tuple[Any, ...]]:
        fields = [name for name in kind._fields if name not in _NOT_CHILDREN]
        # `attrgetter` gives a tuple from two names on.
        if len(fields) > 1:
            self[kind] = attrgetter(*fields)
        else:
            self[kind] = _only(attrgetter(*fields)) if fields else _nothing
        return self[kind]


def _only(field: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, ...]]:
    return lambda node: (field(node),)


def _nothing(_: Any) -> tuple[Any, ...]:
    return ()


_CHILDREN = _Children()
