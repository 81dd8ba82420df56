"""What a module's names stand for: imports, aliases, its own functions, scopes.

One walk over the tree finds the scopes, their imports and their calls; what a scope binds besides
is only worked out for scopes that somebody asks about.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias, get_args

ScopeNode: TypeAlias = (
    ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef
)
Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef

_BUILTINS = frozenset(dir(builtins))
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
# What binds a name of its scope, imports and definitions aside.
Binding: TypeAlias = (
    ast.Assign
    | ast.AugAssign
    | ast.AnnAssign
    | ast.NamedExpr
    | ast.For
    | ast.AsyncFor
    | ast.comprehension
    | ast.withitem
    | ast.Delete
    | ast.ExceptHandler
    | ast.MatchAs
    | ast.MatchStar
    | ast.MatchMapping
)
_BINDINGS = frozenset(get_args(Binding))
_NOTED = frozenset(
    {
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


@dataclass(eq=False, slots=True)
class Scope:
    """A module, class body, function or lambda.

    Attributes:
        node: The node that opens it.
        parent: The scope around it, None for the module.
        qualname: Its dotted name, empty for the module.
        imports: Local name to the dotted name that it was imported from.
        functions: The functions and methods defined right in it.
        classes: The classes defined right in it.
        children: The scopes right inside it.
        calls: The calls in it, those of inner scopes left out.
        attributes: The attributes in it that are read off a name or another attribute.
        bindings: What binds names in it, imports and definitions aside.
        declared: Names that it declares ``global`` or ``nonlocal``.
        yields: Whether it is a generator.
        origins: What names in it were found to stand for.
    """

    node: ScopeNode
    parent: Scope | None
    qualname: str
    imports: dict[str, str] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    children: list[Scope] = field(default_factory=list)
    calls: list[ast.Call] = field(default_factory=list)
    attributes: list[ast.Attribute] = field(default_factory=list)
    bindings: list[Binding] = field(default_factory=list)
    declared: set[str] = field(default_factory=set)
    yields: bool = False
    origins: dict[str, str | ast.expr | None] = field(default_factory=dict)
    _bound: dict[str, ast.expr | None] | None = None

    @property
    def bound(self) -> dict[str, ast.expr | None]:
        """Names that it binds other than by an import, with the value of a sole assignment."""
        if self._bound is None:
            self._bound = _bound_in(self)
        return self._bound


class Names:
    """What the names of one module stand for.

    Attributes:
        module: The module's own scope.
        scopes: The scope that each node opens.
        stars: The modules of nats-py that a star import takes names from.
        imports_from: Every ``from ... import``.
        tries: Every ``try``.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.module = Scope(tree, None, "")
        self.scopes: dict[ScopeNode, Scope] = {tree: self.module}
        self.stars: list[str] = []
        self.imports_from: list[ast.ImportFrom] = []
        self.tries: list[ast.Try | ast.TryStar] = []
        self._index()

    def resolve(self, expression: ast.expr, scope: Scope) -> str | None:
        """The dotted name an expression was imported as.

        A name that nothing in the module binds is taken for what it says, since a star import
        may have brought it. None for what the module itself made.
        """
        trail: list[str] = []
        seen = 0
        while True:
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
            if origin is None or seen > 4:
                return None
            # `connect = nats.connect`: go on with what the name was given.
            expression, seen = origin, seen + 1

    def _origin(self, name: str, scope: Scope) -> str | ast.expr | None:
        for holder in lookup_chain(scope):
            if name in holder.declared:
                holder = self.module
            given = holder.bound.get(name, _UNBOUND)
            if name in holder.imports:
                # `try: import nats / except ImportError: nats = None` still means the import.
                if given is _UNBOUND or given is None or _is_none(given):
                    return None if given is None else holder.imports[name]
                return None
            if name in holder.functions or name in holder.classes:
                return None
            if isinstance(given, ast.Name) and given.id == name:
                continue  # `def run(connect=connect)`
            if given is not _UNBOUND:
                if isinstance(given, ast.Call):
                    return _imported_by(given)
                return given if isinstance(given, (ast.Name, ast.Attribute)) else None
        if self.stars and name not in _BUILTINS:
            return f"{self.stars[0]}.{name}"
        return name

    def own_function(self, called: ast.expr, scope: Scope) -> Function | None:
        """The function of this module that an expression names: ``f``, ``self.f``, ``Class.f``."""
        if isinstance(called, ast.Name):
            for holder in lookup_chain(scope):
                if called.id in holder.functions:
                    return holder.functions[called.id]
                if called.id in holder.imports:
                    return None
                if called.id in holder.bound:
                    given = holder.bound[called.id]
                    # `def run(connect=connect_to_bus)`
                    name = given.id if isinstance(given, ast.Name) else ""
                    return self.module.functions.get(name)
            return None
        if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
            owner: Scope | None = None
            if called.value.id in ("self", "cls"):
                owner = self.class_around(scope)
            elif called.value.id in self.module.classes:
                owner = self.scopes[self.module.classes[called.value.id]]
            return owner.functions.get(called.attr) if owner else None
        return None

    def class_around(self, scope: Scope | None) -> Scope | None:
        """The innermost class around a scope."""
        while scope is not None and not isinstance(scope.node, ast.ClassDef):
            scope = scope.parent
        return scope

    def _index(self) -> None:
        # Scope by scope, so that the nodes that wait need not be told whose they are.
        waiting = [self.module]
        while waiting:
            scope = waiting.pop()
            self._walk(scope)
            waiting += scope.children

    def _walk(self, scope: Scope) -> None:
        root = scope.node
        stack: list[Any] = [root]
        push = stack.append
        while stack:
            node = stack.pop()
            kind = node.__class__
            if kind is ast.Attribute:
                scope.attributes.append(node)
            elif kind is ast.Call:
                scope.calls.append(node)
            elif kind in _BINDINGS:
                scope.bindings.append(node)
            elif kind in _SCOPES and node is not root:
                self._open(node, scope)
                continue
            elif kind in _NOTED:
                self._note(node, scope)
            for name in _CHILDREN[kind]:
                child = getattr(node, name, None)
                if child.__class__ is list:
                    for item in reversed(child):
                        if item.__class__ not in _LEAVES:
                            push(item)
                elif child.__class__ not in _LEAVES:
                    push(child)

    def _note(self, node: ast.AST, scope: Scope) -> None:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
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
                if origin.partition(".")[0] == "nats":
                    self.stars.append(origin)
            else:
                scope.imports[alias.asname or alias.name] = f"{origin}.{alias.name}"

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


_UNBOUND = ast.Constant(value=...)


class _Children(dict[type[ast.AST], tuple[str, ...]]):
    """The fields of each kind of node that are walked, worked out when a kind is first met."""

    def __missing__(self, kind: type[ast.AST]) -> tuple[str, ...]:
        self[kind] = tuple(name for name in kind._fields if name not in _NOT_CHILDREN)
        return self[kind]


_CHILDREN = _Children()


def lookup_chain(scope: Scope) -> Iterator[Scope]:
    """The scopes that Python looks a name up in: class bodies are not seen from inside."""
    yield scope
    holder = scope.parent
    while holder is not None:
        if not isinstance(holder.node, ast.ClassDef):
            yield holder
        holder = holder.parent


def dotted(expression: ast.AST | None) -> str | None:
    """The text of a name or a chain of attributes on a name, ``self.nc``; else None."""
    text = ""
    while expression.__class__ is ast.Attribute:
        text = f".{expression.attr}{text}"
        expression = expression.value
    return expression.id + text if expression.__class__ is ast.Name else None


def defaults_of(arguments: ast.arguments) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    """The parameters of a function that may have a default, with it."""
    positional = [*arguments.posonlyargs, *arguments.args]
    yield from zip(reversed(positional), reversed(arguments.defaults), strict=False)
    yield from zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)


def own_nodes(root: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a scope without those of the scopes inside it (whose own nodes are given)."""
    stack = list(_inside(root))
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, _SCOPES):
            stack += _inside(node)


def _inside(node: ast.AST) -> list[ast.AST]:
    """The nodes right inside a node, without contexts."""
    found: list[ast.AST] = []
    for name in node._fields:
        if name == "ctx":
            continue
        child = getattr(node, name, None)
        if child.__class__ is list:
            found += [item for item in child if isinstance(item, ast.AST)]
        elif isinstance(child, ast.AST):
            found.append(child)
    return found


def _imported_by(call: ast.Call) -> str | None:
    """The module that a call such as ``pytest.importorskip("nats")`` gives."""
    last = (dotted(call.func) or "").rpartition(".")[2]
    if last not in ("importorskip", "import_module", "__import__") or not call.args:
        return None
    name = call.args[0]
    return name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else None


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _bound_in(scope: Scope) -> dict[str, ast.expr | None]:
    bound: dict[str, ast.expr | None] = dict.fromkeys((*scope.functions, *scope.classes))
    root = scope.node
    if isinstance(root, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        arguments = root.args
        for argument in (
            *arguments.posonlyargs,
            *arguments.args,
            *arguments.kwonlyargs,
            *filter(None, (arguments.vararg, arguments.kwarg)),
        ):
            bound[argument.arg] = None
        # A function that may be exchanged, `connect=nats.connect`, stands for its default.
        for argument, default in defaults_of(arguments):
            if isinstance(default, (ast.Name, ast.Attribute)):
                bound[argument.arg] = default
    for node in scope.bindings:
        sole = None
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            sole = node.value if isinstance(node.targets[0], ast.Name) else None
        for name in _bound_by(node):
            bound[name] = None if name in bound else sole
    return bound


def _bound_by(node: Binding) -> Iterator[str]:
    """The names that a node binds itself."""
    waiting: list[ast.expr]
    if isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.MatchMapping)):
        name = node.rest if isinstance(node, ast.MatchMapping) else node.name
        if name is not None:
            yield name
        return
    if isinstance(node, (ast.Assign, ast.Delete)):
        waiting = list(node.targets)
    elif isinstance(node, ast.withitem):
        waiting = [node.optional_vars] if node.optional_vars is not None else []
    else:
        waiting = [node.target]
    while waiting:
        target = waiting.pop()
        if isinstance(target, ast.Name):
            yield target.id
        elif isinstance(target, (ast.Tuple, ast.List)):
            waiting += target.elts
        elif isinstance(target, ast.Starred):
            waiting.append(target.value)
