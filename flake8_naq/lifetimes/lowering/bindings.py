"""Lowers bindings: a place gets a value, and may carry it out of the scope."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from flake8_naq.lifetimes.cfg.graph import (
    FALSE,
    NONE,
    TRUE,
    Forget,
    Leave,
    Move,
    Place,
    Wrap,
)
from flake8_naq.lifetimes.lowering.escapes import defer_closure
from flake8_naq.lifetimes.lowering.scope_state import Evaluator, ScopeState
from flake8_naq.names import dotted, parameters_of
from flake8_naq.names.vocabulary import CLOSING_METHODS


class Bindings:
    """Lowers the bindings of one scope."""

    def __init__(self, state: ScopeState, evaluator: Evaluator) -> None:
        self._state = state
        self._builder = state.builder
        self._evaluator = evaluator

    def bind(
        self,
        target: ast.expr,
        source: Place | None,
        value: ast.expr | None,
        *,
        element: bool = False,
    ) -> None:
        """Bind `target` to the value of `source`, which is that of the expression `value`."""
        match target:
            case ast.Name():
                self._bind_name(target, source, value, element)
            case ast.Attribute():
                self._bind_attribute(target, source, value, element)
            case ast.Subscript():
                container = self._evaluator.value(target.value)
                self._evaluator.discard(target.slice)
                self.keep_in(container, source, target)
            case ast.Tuple() | ast.List():
                self._unpack(target, source, value, element)
            case ast.Starred():
                self.bind(target.value, source, value, element=True)

    def bind_place(
        self, place: Place, source: Place | None, value: ast.expr | None, *, element: bool = False
    ) -> None:
        """Bind one place to the value of `source`; None is a value without a connection."""
        values = self._state.values
        values.forget(place)
        self._state.flags.forget(place)
        owner, _, method = (source or "").rpartition(".")
        if owner and method in CLOSING_METHODS:
            values.closers[place] = owner
            self._builder.emit(Forget(place, TRUE))
        elif source is None:
            self._builder.emit(Forget(place, _fact(value)))
        elif source != place:
            values.alias(place, source)
            self._builder.emit(Move(place, source, element))
            if source in values.parts:
                values.parts[place] = values.parts[source]

    def keep_in(self, container: Place | None, source: Place | None, node: ast.AST) -> None:
        """Put the value of `source` into a container."""
        if source is None:
            return
        if container is not None and self.is_local(container):
            self._builder.emit(Wrap(container, source, node, collected=True))
        else:
            self._builder.emit(Leave(source, "stored", node))

    def is_local(self, place: Place) -> bool:
        """Whether a place is made in this scope, and so does not outlive it by itself."""
        root = place.partition(".")[0]
        if root.startswith("%"):
            return True
        scope = self._state.scope
        if isinstance(scope.node, (ast.Module, ast.ClassDef)) or root in scope.declared:
            return False
        return root in scope.bound and root not in parameters_of(scope.node) and "." not in place

    def result_of(self, task: Place) -> Place:
        """The result of a task that opens a connection, as a new place."""
        values = self._state.values
        place = self._builder.temporary(
            self._state.around.statement.end_lineno or self._builder.line
        )
        self._builder.emit(Move(place, task))
        if task in values.acquired:
            values.acquired[place] = values.acquired[task]
        values.fresh.add(place)
        return place

    def _bind_name(
        self, target: ast.Name, source: Place | None, value: ast.expr | None, element: bool
    ) -> None:
        self.bind_place(target.id, source, value, element=element)
        scope = self._state.scope
        outlives = isinstance(scope.node, (ast.Module, ast.ClassDef)) or target.id in scope.declared
        if source and outlives:
            self._builder.emit(Leave(target.id, "stored", target, target.id))

    def _bind_attribute(
        self, target: ast.Attribute, source: Place | None, value: ast.expr | None, element: bool
    ) -> None:
        path = dotted(target)
        if path is None:
            self._evaluator.discard(target.value)
            if source is not None:
                self._builder.emit(Leave(source, "stored", target))
            return
        root = path.partition(".")[0]
        self._builder.mention(root, target.lineno)
        self.bind_place(path, source, value, element=element)
        if source in self._state.closures and not self._is_made_here(root):
            defer_closure(self._state, self._state.closures[source], "kept")
        if source is not None and self._is_made_here(root):
            self._builder.emit(Wrap(root, path, target))
        elif source is not None:
            self._builder.emit(Leave(path, "stored", target, path))

    def _is_made_here(self, name: str) -> bool:
        """Whether a name stands for an object that this scope has constructed."""
        made = self._state.scope.bound.get(name)
        if not isinstance(made, ast.Call) or not self.is_local(name):
            return False
        return (dotted(made.func) or "").rpartition(".")[2][:1].isupper()

    def _any_part(self, target: ast.Tuple | ast.List, source: Place | None) -> list[Place | None]:
        """The parts of what a configured opener returns: any of them may be the connection."""
        site = self._state.values.acquired.get(source or "")
        return [source] * len(target.elts) if site is not None and site.configured else []

    def _unpack(
        self,
        target: ast.Tuple | ast.List,
        source: Place | None,
        value: ast.expr | None,
        element: bool,
    ) -> None:
        parts = self._state.values.parts.get(source or "") or self._any_part(target, source)
        plain = not any(isinstance(item, ast.Starred) for item in target.elts)
        if not parts or not plain or len(parts) != len(target.elts) or element:
            for item in target.elts:
                self.bind(item, source, None, element=True)
            return
        values: Sequence[ast.expr | None] = [None] * len(parts)
        if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(parts):
            values = value.elts
        for item, part, part_value in zip(target.elts, parts, values, strict=True):
            self.bind(item, part, part_value)


def _fact(value: ast.expr | None) -> str | None:
    if not isinstance(value, ast.Constant):
        return None
    if value.value is None:
        return NONE
    return TRUE if value.value else FALSE
