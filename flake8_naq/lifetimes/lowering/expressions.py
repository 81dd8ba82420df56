"""Lowers expressions, in the order in which Python evaluates them.

`Expressions.value` gives the place that holds an expression's value, or None when the value has
nothing to do with a connection.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TypeAlias

from flake8_naq.lifetimes.cfg.graph import Assume, BasicBlock, Leave, Move, Place, Use, Wrap
from flake8_naq.lifetimes.lowering.bindings import Bindings
from flake8_naq.lifetimes.lowering.calls import Calls
from flake8_naq.lifetimes.lowering.closures import Nested, captured_by
from flake8_naq.lifetimes.lowering.conditions import DEEPEST, Conditions
from flake8_naq.lifetimes.lowering.scope_state import ScopeState
from flake8_naq.names import dotted
from flake8_naq.names.vocabulary import CONNECTION_ATTRIBUTES

_Comprehension: TypeAlias = ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp


class Expressions:
    """Lowers the expressions of one scope.

    Attributes:
        bindings: Lowers what gives a place its value.
        conditions: Lowers what decides a branch.
        calls: Lowers the calls.
    """

    def __init__(self, state: ScopeState) -> None:
        self._state = state
        self._builder = state.builder
        self._values = state.values
        self.bindings = Bindings(state, self)
        self.conditions = Conditions(state, self)
        self.calls = Calls(state, self, self.bindings)

    def value(self, node: ast.expr, *, awaited: bool = False) -> Place | None:
        """Lower an expression to the place of its value.

        Args:
            node: The expression.
            awaited: Whether its coroutine, if it is one, runs.
        """
        if isinstance(node, ast.Constant):
            return None
        if isinstance(node, ast.Name):
            self._builder.mention(node.id, node.lineno)
            if awaited and node.id in self._values.coroutines:
                return self.value(self._values.coroutines[node.id], awaited=True)
            return node.id
        around = self._state.around
        around.depth += 1
        try:
            if around.depth > DEEPEST:
                self._search(node)
                return None
            return self._value(node, awaited)
        finally:
            around.depth -= 1

    def discard(self, node: ast.expr) -> None:
        """Lower an expression whose value goes no further."""
        self._state.use_name(self.value(node), node)

    def capture(self, node: Nested) -> Place:
        """Note a nested function, and that the names it uses matter for as long as it may run."""
        closure = captured_by(node, self._state.context, self._state.scope)
        name = f"<lambda {id(node)}>" if isinstance(node, ast.Lambda) else node.name
        self._state.closures[name] = closure
        for captured in closure.names:
            self._builder.mention(captured, self._builder.graph.end_line)
        return name

    def _value(self, node: ast.expr, awaited: bool) -> Place | None:
        match node:
            case ast.Attribute():
                return self._attribute(node)
            case ast.Call():
                return self.calls.lower(node, awaited=awaited)
            case ast.Await():
                return self._await(node)
            case ast.NamedExpr():
                place = self.value(node.value, awaited=awaited)
                self.bindings.bind(node.target, place, node.value)
                return node.target.id
            case ast.IfExp():
                return self._conditional(node, awaited)
            case ast.BoolOp():
                return self._bool_op(node, awaited)
            case ast.Tuple() | ast.List() | ast.Set():
                return self._display(node, node.elts, awaited)
            case ast.Dict():
                elements = [*(key for key in node.keys if key is not None), *node.values]
                return self._display(node, elements, awaited)
            case ast.Starred():
                return self.value(node.value, awaited=awaited)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                return self._comprehension(node, awaited)
            case ast.Lambda():
                return self.capture(node)
            case ast.Yield() | ast.YieldFrom():
                self._yield(node)
                return None
            case ast.Subscript():
                return self._subscript(node)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.discard(child)
        return None

    def _attribute(self, node: ast.Attribute) -> Place | None:
        path = dotted(node)
        if path is not None:
            self._state.mention(path, node.lineno)
            return path
        source = self.value(node.value)
        if source is None:
            return None
        place = self._temporary(node)
        # `(await nats.connect()).publish` is no value of its own: the caller sees the source.
        if node.attr in CONNECTION_ATTRIBUTES:
            self._builder.emit(Move(place, source))
            return place
        self._builder.emit(Use(source, node))
        return None

    def _await(self, node: ast.Await) -> Place | None:
        place = self.value(node.value, awaited=True)
        if place in self._values.tasks:
            return self.bindings.result_of(place)
        if place is None or place not in self._values.fresh:
            self._builder.may_raise(node, cancel=True)
        return place

    def _conditional(self, node: ast.IfExp, awaited: bool) -> Place:
        result = self._temporary(node)
        yes, no, after = BasicBlock(), BasicBlock(), BasicBlock()
        self.conditions.branch(node.test, yes, no)
        for block, branch in ((yes, node.body), (no, node.orelse)):
            self._builder.start(block)
            self._pass_on(result, self.value(branch, awaited=awaited))
            self._builder.go(after)
        self._builder.start(after)
        return result

    def _bool_op(self, node: ast.BoolOp, awaited: bool) -> Place:
        result = self._temporary(node)
        builder = self._builder
        after = BasicBlock()
        for operand in node.values[:-1]:
            place = self.value(operand, awaited=awaited)
            self._pass_on(result, place)
            on, off = BasicBlock(builder.current.line), BasicBlock(builder.current.line)
            builder.go(on)
            builder.go(off)
            if place is not None:
                stops = isinstance(node.op, ast.Or)
                test = Assume(place, "truthy", answer=True)
                self.conditions.assume(off, test, stops)
                self.conditions.assume(on, test, not stops)
            off.successors.append(after)
            builder.start(on)
        self._pass_on(result, self.value(node.values[-1], awaited=awaited))
        builder.go(after)
        builder.start(after)
        return result

    def _pass_on(self, result: Place, place: Place | None) -> None:
        if place is None:
            return
        self._values.alias(result, place)
        self._builder.emit(Move(result, place))
        if place in self._values.fresh:
            self._values.fresh.add(result)

    def _display(self, node: ast.expr, elements: Sequence[ast.expr], awaited: bool) -> Place | None:
        places = [self.value(element, awaited=awaited) for element in elements]
        if not any(places):
            return None
        result = self._temporary(node)
        for place in places:
            if place is not None:
                self._put_around(result, Wrap(result, place, node))
        if isinstance(node, (ast.Tuple, ast.List)):
            self._values.parts[result] = places
        return result

    def _comprehension(self, node: _Comprehension, awaited: bool) -> Place:
        result = self._temporary(node)
        self._state.around.loops.append(node)
        for generator in node.generators:
            source = self.value(generator.iter)
            if generator.is_async:
                self._builder.may_raise(generator.iter, cancel=True)
            self.bindings.bind(generator.target, source, None, element=True)
            for condition in generator.ifs:
                self.discard(condition)
        elements = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        for element in elements:
            place = self.value(element, awaited=awaited)
            if place is not None:
                self._put_around(result, Wrap(result, place, node, collected=True))
        self._state.around.loops.pop()
        return result

    def _put_around(self, result: Place, wrap: Wrap) -> None:
        self._builder.emit(wrap)
        if wrap.source in self._values.fresh:
            self._values.fresh.add(result)

    def _yield(self, node: ast.Yield | ast.YieldFrom) -> None:
        if node.value is not None:
            place = self.value(node.value)
            if place is not None:
                self._builder.emit(Leave(place, "yielded", node))
        if not self._state.context.is_fixture(self._state.scope.node):
            self._builder.may_raise(node, cancel=True)
        self._state.yields = True

    def _subscript(self, node: ast.Subscript) -> Place | None:
        source = self.value(node.value)
        parts = self._values.parts.get(source or "")
        match node.slice:
            case ast.Constant(value=int(index)) if parts and -len(parts) <= index < len(parts):
                return parts[index]
        self.discard(node.slice)
        if isinstance(node.ctx, ast.Load) and not isinstance(node.slice, ast.Slice):
            self._builder.may_raise(node)
        if source is None:
            return None
        place = self._temporary(node)
        self._builder.emit(Move(place, source, element=True))
        return place

    def _search(self, root: ast.expr) -> None:
        """Lower an expression that is nested too deep: its names are used, its calls may raise."""
        stack: list[ast.AST] = [root]
        while stack:
            node = stack.pop()
            if isinstance(node, ast.Name):
                self._builder.mention(node.id, node.lineno)
                self._builder.emit(Use(node.id, node))
            elif isinstance(node, (ast.Call, ast.Await)):
                self._builder.may_raise(node, cancel=isinstance(node, ast.Await))
            stack.extend(ast.iter_child_nodes(node))

    def _temporary(self, node: ast.expr) -> Place:
        return self._builder.temporary(node.end_lineno or node.lineno)
