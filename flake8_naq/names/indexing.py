"""A module's scopes, with their imports, calls and bindings."""

from __future__ import annotations

import ast
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
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
    """The scopes of a module. Each is walked when something asks for its contents.

    Args:
        tree: The module.
        text: Its source, with every line ending as a newline; empty when it is not at hand.

    Attributes:
        module: The module's own scope.
        stars: The modules that a star import takes names from, as written.
    """

    def __init__(self, tree: ast.Module, text: str = "") -> None:
        self.module = Scope(tree, None, "", self)
        self.stars: list[str] = []
        self._source = Source(text)
        self._scopes: dict[ScopeNode, Scope] = {tree: self.module}
        self._imports_from: list[ast.ImportFrom] = []
        self._tries: list[ast.Try | ast.TryStar] = []
        self.walk(self.module)

    @property
    def scopes(self) -> dict[ScopeNode, Scope]:
        """The scope that each node opens, of the whole module."""
        self._walk_all()
        return self._scopes

    @property
    def imports_from(self) -> list[ast.ImportFrom]:
        """Every ``from ... import``."""
        list(self.importing())  # walk them
        return self._imports_from

    @property
    def tries(self) -> list[ast.Try | ast.TryStar]:
        """Every ``try``."""
        self._walk_all()
        return self._tries

    def scope_of(self, node: ScopeNode) -> Scope:
        """The scope that a node opens."""
        return self._scopes.get(node) or self.scopes[node]

    def mentioning(self, words: Iterable[str]) -> Iterator[Scope]:
        """The scopes whose source holds one of these words, and those around them.

        The module's scope is always among them, and so is every scope where the source is not at
        hand. A word that is part of another one counts.
        """
        lines = self._source.lines_with(words)
        waiting = [self.module]
        while waiting:
            scope = waiting.pop()
            yield scope
            waiting += [child for child in scope.children if _stands_in(child.node, lines)]

    def importing(self) -> Iterator[Scope]:
        """The scopes with an import, and those around them."""
        return self.mentioning(["import"])

    def adopt(self, other: Index) -> None:
        """Take over the module's scope of another index, and know its scopes as well."""
        self._scopes = other.scopes | self.scopes
        self.module = other.module
        self.stars = other.stars

    def walk(self, scope: Scope) -> None:
        """Note what a scope holds. Its nodes pass here one by one: it makes few calls."""
        scope.clear()
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

    def _walk_all(self) -> None:
        waiting = [self.module]
        while waiting:
            waiting += waiting.pop().children

    def _note(self, node: ast.AST, scope: Scope) -> bool:
        """Note one node; true if what is in it belongs to a scope of its own."""
        kind = node.__class__
        if kind is ast.Attribute:
            scope.attributes.append(cast("ast.Attribute", node))
        elif kind is ast.Call:
            scope.calls.append(cast("ast.Call", node))
        elif kind in _BINDINGS:
            scope.bindings.append(cast("Binding", node))
        elif kind in _SCOPES:
            if node is not scope.node:
                self._open(cast("Opening", node), scope)
                return True
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            self._import(node, scope)
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            scope.declared.update(node.names)
        elif isinstance(node, (ast.Try, ast.TryStar)):
            self._tries.append(node)
        else:
            scope.yields = True
        return False

    def _import(self, node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                root = alias.name.partition(".")[0]
                scope.imports[alias.asname or root] = alias.name if alias.asname else root
            return
        self._imports_from.append(node)
        origin = "." * node.level + (node.module or "")
        for alias in node.names:
            if alias.name == "*":
                self.stars.append(origin)
            else:
                scope.imports[alias.asname or alias.name] = joined(origin, alias.name)

    def _open(self, node: Opening, outer: Scope) -> None:
        name = "<lambda>" if isinstance(node, ast.Lambda) else node.name
        qualname = f"{outer.qualname}.{name}" if outer.qualname else name
        scope = Scope(node, outer, qualname, self)
        outer.children.append(scope)
        self._scopes[node] = scope
        if isinstance(node, ast.ClassDef):
            outer.classes[name] = node
        elif not isinstance(node, ast.Lambda):
            outer.functions[name] = node


class Source:
    """A module's source, by line.

    Args:
        text: The source, empty when it is not at hand.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._found: dict[str, list[int]] = {}

    def lines_with(self, words: Iterable[str]) -> list[int] | None:
        """The numbers of the lines that hold one of these words, None for all lines."""
        if not self._text:
            return None
        return sorted({line for word in words for line in self._lines_with(word)})

    def _lines_with(self, word: str) -> list[int]:
        if word not in self._found:
            text, found = self._text, []
            number, before = 1, 0
            start = text.find(word)
            while start >= 0:
                number += text.count("\n", before, start)
                found.append(number)
                # The rest of the line makes no difference.
                before = text.find("\n", start)
                start = text.find(word, before) if before >= 0 else -1
            self._found[word] = found
        return self._found[word]


def _stands_in(node: ScopeNode, lines: list[int] | None) -> bool:
    """Whether one of these lines is among those of a function or class, its decorators included."""
    if lines is None or isinstance(node, ast.Module):
        return True
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
    first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
    index = bisect_left(lines, first)
    return index < len(lines) and lines[index] <= (node.end_lineno or first)


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
