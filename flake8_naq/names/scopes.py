"""A scope of a module, and the names that it binds."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol, TypeAlias

from flake8_naq.names.syntax import Function, ScopeNode, defaults_of

# The nodes that bind a name of their scope, imports and definitions aside.
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


class Walker(Protocol):
    """Notes what a scope holds (`indexing.Index`)."""

    def walk(self, scope: Scope) -> None:
        """Fill in the contents of a scope."""
        ...


class Scope:
    """A module, class body, function or lambda.

    Its contents are filled in when something asks for them: most functions of most files have
    nothing to do with a connection.

    Attributes:
        node: The node that opens it.
        parent: The scope around it, None for the module.
        qualname: Its dotted name, empty for the module.
        imports: Local name to the dotted name that it was imported from.
        functions: The functions and methods defined right in it.
        classes: The classes defined right in it.
        children: The scopes right inside it.
        calls: The calls in it, those of inner scopes left out.
        attributes: The attributes in it of a name or of another attribute.
        bindings: The nodes that bind names in it, imports and definitions aside.
        declared: Names that it declares ``global`` or ``nonlocal``.
        yields: Whether it is a generator.
        origins: Cached results of resolving its names.
    """

    imports: dict[str, str]
    functions: dict[str, Function]
    classes: dict[str, ast.ClassDef]
    children: list[Scope]
    calls: list[ast.Call]
    attributes: list[ast.Attribute]
    bindings: list[Binding]
    declared: set[str]
    yields: bool

    __slots__ = (
        "_bound",
        "_walker",
        "attributes",
        "bindings",
        "calls",
        "children",
        "classes",
        "declared",
        "functions",
        "imports",
        "node",
        "origins",
        "parent",
        "qualname",
        "yields",
    )

    def __init__(
        self, node: ScopeNode, parent: Scope | None, qualname: str, walker: Walker
    ) -> None:
        self.node = node
        self.parent = parent
        self.qualname = qualname
        self.origins: dict[str, str | ast.expr | None] = {}
        self._walker = walker
        self._bound: dict[str, ast.expr | None] | None = None

    if not TYPE_CHECKING:  # for mypy, the class has the attributes above and no others

        def __getattr__(self, name: str) -> object:
            """The content of a scope that was not walked yet: Python asks here for an empty slot."""
            if name not in Scope.__slots__:
                raise AttributeError(name)
            self._walker.walk(self)
            return getattr(self, name)

    def clear(self) -> None:
        """Start with contents that are empty."""
        self.imports = {}
        self.functions = {}
        self.classes = {}
        self.children = []
        self.calls = []
        self.attributes = []
        self.bindings = []
        self.declared = set()
        self.yields = False

    @property
    def bound(self) -> dict[str, ast.expr | None]:
        """Names that it binds other than by an import, with the value of a sole assignment."""
        if self._bound is None:
            self._bound = _bound_in(self)
        return self._bound


def lookup_chain(scope: Scope) -> Iterator[Scope]:
    """The scopes that Python looks a name up in: class bodies are not seen from inside."""
    yield scope
    holder = scope.parent
    while holder is not None:
        if not isinstance(holder.node, ast.ClassDef):
            yield holder
        holder = holder.parent


def _bound_in(scope: Scope) -> dict[str, ast.expr | None]:
    bound: dict[str, ast.expr | None] = dict.fromkeys((*scope.functions, *scope.classes))
    if isinstance(scope.node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        bound |= _parameters(scope.node.args)
    for node in scope.bindings:
        sole = None
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            sole = node.value if isinstance(node.targets[0], ast.Name) else None
        for name in _bound_by(node):
            bound[name] = None if name in bound else sole
    return bound


def _parameters(arguments: ast.arguments) -> dict[str, ast.expr | None]:
    """A function's parameters, each with its default, such as `connect=nats.connect`."""
    bound: dict[str, ast.expr | None] = dict.fromkeys(
        argument.arg
        for argument in (
            *arguments.posonlyargs,
            *arguments.args,
            *arguments.kwonlyargs,
            *filter(None, (arguments.vararg, arguments.kwarg)),
        )
    )
    for argument, default in defaults_of(arguments):
        if isinstance(default, (ast.Name, ast.Attribute)):
            bound[argument.arg] = default
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
