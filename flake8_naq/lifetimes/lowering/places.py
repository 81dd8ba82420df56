"""Places: what gives them a value, and which of them outlive their scope."""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from collections.abc import Sequence

from flake8_naq.lifetimes.cfg.builder import Builder
from flake8_naq.lifetimes.cfg.graph import (
    FALSE,
    NONE,
    TRUE,
    Forget,
    Leave,
    Move,
    Place,
    Use,
    Wrap,
)
from flake8_naq.lifetimes.context import Context
from flake8_naq.lifetimes.facts import Derived, Site
from flake8_naq.lifetimes.lowering.closures import Closure
from flake8_naq.lifetimes.vocabulary import CLOSING_METHODS
from flake8_naq.names import Scope, defaults_of, dotted


class Places(Builder, ABC):
    """Lowers what binds the places of one scope.

    Attributes:
        context: What is known of the whole module.
        scope: The scope that is lowered.
        statement: The statement that is lowered.
        closures: The functions and lambdas defined in the scope.
        loops: The loops and comprehensions around the current point.
        parts: The places of the elements of a tuple or list.
        yields: Whether the scope is a generator.
        fresh: Places that hold a connection just opened: awaiting them raises before that.
        acquired: The connection that a temporary was made for.
        derivations: The handle that a temporary was made for.
        tasks: Places that hold the task which opens a connection.
        coroutines: Names of acquiring calls that wait to be awaited: ``opening = nats.connect()``.
        flags: By place, the flags that tell whether it is None, and what they say if it is.
        flagged: By flag, the place that it tells of.
        optional: The parameters that are None unless somebody gives them.
        closers: Names of a connection's closing method: ``close = nc.close``.
        depth: How deep the current expression is nested.
    """

    def __init__(self, context: Context, scope: Scope) -> None:
        super().__init__(getattr(scope.node, "end_lineno", None) or 0)
        self.context = context
        self.scope = scope
        self.statement: ast.stmt = ast.Pass()
        self.closures: dict[str, Closure] = {}
        self.loops: list[ast.AST] = []
        self.parts: dict[Place, list[Place | None]] = {}
        self.yields = False
        self.fresh: set[Place] = set()
        self.acquired: dict[Place, Site] = {}
        self.derivations: dict[Place, Derived] = {}
        self.tasks: set[Place] = set()
        self.coroutines: dict[Place, ast.expr] = {}
        self.flags: dict[Place, dict[Place, bool]] = {}
        self.flagged: dict[Place, Place] = {}
        self.optional = _optional_parameters(scope.node)
        self.closers: dict[Place, Place] = {}
        self.depth = 0

    @abstractmethod
    def value(self, node: ast.expr, *, awaited: bool = False) -> Place | None:
        """Lower an expression; `awaited` tells that its coroutine, if it is one, is run."""

    def discard(self, node: ast.expr) -> None:
        """Lower an expression whose value goes no further."""
        place = self.value(node)
        if place is not None and not place.startswith("%"):
            self.emit(Use(place, node))

    def bind(
        self,
        target: ast.expr,
        source: Place | None,
        value: ast.expr | None,
        *,
        element: bool = False,
    ) -> None:
        """Give `target` what `source` holds; `value` is the expression it came from."""
        match target:
            case ast.Name():
                self.bind_place(target.id, source, value, element)
                outlives = target.id in self.scope.declared
                if source and (isinstance(self.scope.node, (ast.Module, ast.ClassDef)) or outlives):
                    self.emit(Leave(target.id, "stored", target, target.id))
            case ast.Attribute():
                path = dotted(target)
                if path is None:
                    self.discard(target.value)
                    if source is not None:
                        self.emit(Leave(source, "stored", target))
                    return
                self.mention(path.partition(".")[0], target.lineno)
                self.bind_place(path, source, value, element)
                root = path.partition(".")[0]
                if source is not None and self._is_made_here(root):
                    self.emit(Wrap(root, path, target))
                elif source is not None:
                    self.emit(Leave(path, "stored", target, path))
            case ast.Subscript():
                container = self.value(target.value)
                self.discard(target.slice)
                self.keep_in(container, source, target)
            case ast.Tuple() | ast.List():
                self._unpack(target, source, value, element)
            case ast.Starred():
                self.bind(target.value, source, value, element=True)

    def keep_in(self, container: Place | None, source: Place | None, node: ast.AST) -> None:
        """Put what `source` holds into a container."""
        if source is None:
            return
        if container is not None and self.is_local(container):
            self.emit(Wrap(container, source, node, collected=True))
        else:
            self.emit(Leave(source, "stored", node))

    def is_local(self, place: Place) -> bool:
        """Whether a place is made in this scope, and so does not outlive it by itself."""
        root = place.partition(".")[0]
        if root.startswith("%"):
            return True
        node = self.scope.node
        if isinstance(node, (ast.Module, ast.ClassDef)) or root in self.scope.declared:
            return False
        return root in self.scope.bound and root not in parameters_of(node) and "." not in place

    def _is_made_here(self, name: str) -> bool:
        """Whether a name stands for an object that this scope has constructed."""
        made = self.scope.bound.get(name)
        if not isinstance(made, ast.Call) or not self.is_local(name):
            return False
        return (dotted(made.func) or "").rpartition(".")[2][:1].isupper()

    def bind_place(
        self, place: Place, source: Place | None, value: ast.expr | None, element: bool
    ) -> None:
        """Give one place what `source` holds; None is nothing of interest."""
        self.parts.pop(place, None)
        self.tasks.discard(place)
        self.flags.pop(place, None)
        self.flags.get(self.flagged.pop(place, ""), {}).pop(place, None)
        self.coroutines.pop(place, None)
        self.closers.pop(place, None)
        owner, _, method = (source or "").rpartition(".")
        if owner and method in CLOSING_METHODS:
            self.closers[place] = owner
            self.emit(Forget(place, TRUE))
        elif source is None:
            self.emit(Forget(place, _fact(value)))
        elif source != place:
            self.name_facts(place, source)
            self.emit(Move(place, source, element))
            if source in self.parts:
                self.parts[place] = self.parts[source]

    def name_facts(self, place: Place, source: Place) -> None:
        """The first name that a new connection or handle is given is its name."""
        if not source.startswith("%"):
            return
        site, derived = self.acquired.get(source), self.derivations.get(source)
        if source in self.tasks:
            self.tasks.add(place)
        if place.startswith("%") or source in self.tasks:
            if site is not None:
                self.acquired[place] = site
            if derived is not None:
                self.derivations[place] = derived
            return
        if site is not None and site.handle is None:
            site.handle = place
        if derived is not None and derived.name is None:
            derived.name = place

    def finished(self, task: Place) -> Place:
        """What comes out of a task that opens a connection: a place of its own."""
        place = self.temporary(self.statement.end_lineno or self.line)
        self.emit(Move(place, task))
        if task in self.acquired:
            self.acquired[place] = self.acquired[task]
        self.fresh.add(place)
        return place

    def _unpack(
        self,
        target: ast.Tuple | ast.List,
        source: Place | None,
        value: ast.expr | None,
        element: bool,
    ) -> None:
        parts = self.parts.get(source or "")
        plain = not any(isinstance(item, ast.Starred) for item in target.elts)
        if parts is not None and plain and len(parts) == len(target.elts) and not element:
            values: Sequence[ast.expr | None] = [None] * len(parts)
            if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(parts):
                values = value.elts
            for item, part, part_value in zip(target.elts, parts, values, strict=True):
                self.bind(item, part, part_value)
            return
        for item in target.elts:
            self.bind(item, source, None, element=True)


def parameters_of(node: ast.AST) -> set[str]:
    """The names of a function's parameters."""
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        return set()
    arguments = node.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    named += [argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None]
    return {argument.arg for argument in named}


def _optional_parameters(node: ast.AST) -> set[str]:
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return set()
    return {
        argument.arg
        for argument, default in defaults_of(node.args)
        if isinstance(default, ast.Constant) and default.value is None
    }


def _fact(value: ast.expr | None) -> str | None:
    if not isinstance(value, ast.Constant):
        return None
    if value.value is None:
        return NONE
    return TRUE if value.value else FALSE
