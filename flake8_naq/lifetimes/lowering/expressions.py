"""Lowers expressions, in the order in which Python evaluates them.

`Expressions.value` gives the place that holds an expression's value, or None when the value has
nothing to do with a connection.
"""

from __future__ import annotations

import ast
from abc import abstractmethod
from collections.abc import Sequence

from flake8_naq.lifetimes.cfg.graph import BasicBlock, Leave, Move, Place, Test, Use, Wrap
from flake8_naq.lifetimes.lowering.closures import captured_by
from flake8_naq.lifetimes.lowering.conditions import DEEPEST, Conditions
from flake8_naq.lifetimes.vocabulary import CONNECTION_ATTRIBUTES
from flake8_naq.names import dotted


class Expressions(Conditions):
    """Lowers the expressions of one scope."""

    def value(self, node: ast.expr, *, awaited: bool = False) -> Place | None:
        """Lower an expression; `awaited` tells that its coroutine, if it is one, is run."""
        if isinstance(node, ast.Constant):
            return None
        if isinstance(node, ast.Name):
            self.mention(node.id, node.lineno)
            if awaited and node.id in self.coroutines:
                return self.value(self.coroutines[node.id], awaited=True)
            return node.id
        self.depth += 1
        try:
            if self.depth > DEEPEST:
                self._search(node)
                return None
            return self._value(node, awaited)
        finally:
            self.depth -= 1

    def _value(self, node: ast.expr, awaited: bool) -> Place | None:
        match node:
            case ast.Attribute():
                return self._attribute(node)
            case ast.Call():
                return self.call(node, awaited=awaited)
            case ast.Await():
                return self._await(node)
            case ast.NamedExpr():
                place = self.value(node.value, awaited=awaited)
                self.bind(node.target, place, node.value)
                return node.target.id
            case ast.IfExp():
                return self._either(node, awaited)
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
                return self._yield(node)
            case ast.Subscript():
                return self._subscript(node)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.discard(child)
        return None

    @abstractmethod
    def call(self, node: ast.Call, *, awaited: bool) -> Place | None:
        """Lower a call."""

    def capture(self, node: ast.Lambda | ast.FunctionDef | ast.AsyncFunctionDef) -> Place | None:
        """Note a nested function, and that the names it uses matter for as long as it may run."""
        closure = captured_by(node, self.context, self.scope)
        name = f"<lambda {id(node)}>" if isinstance(node, ast.Lambda) else node.name
        self.closures[name] = closure
        for captured in closure.names:
            self.mention(captured, self.graph.end_line)
        return name

    def _attribute(self, node: ast.Attribute) -> Place | None:
        path = dotted(node)
        if path is not None:
            self.mention(path.partition(".")[0], node.lineno)
            return path
        source = self.value(node.value)
        if source is None:
            return None
        place = self.temporary(node.end_lineno or node.lineno)
        # `(await nats.connect()).publish` is no value of its own: the caller sees the source.
        if node.attr in CONNECTION_ATTRIBUTES:
            self.emit(Move(place, source))
            return place
        self.emit(Use(source, node))
        return None

    def _await(self, node: ast.Await) -> Place | None:
        place = self.value(node.value, awaited=True)
        if place in self.tasks:
            return self.finished(place)
        if place is None or place not in self.fresh:
            self.may_raise(node, cancel=True)
        return place

    def _either(self, node: ast.IfExp, awaited: bool) -> Place | None:
        result = self.temporary(node.end_lineno or node.lineno)
        yes, no, after = BasicBlock(), BasicBlock(), BasicBlock()
        self.condition(node.test, yes, no)
        for block, branch in ((yes, node.body), (no, node.orelse)):
            self.start(block)
            place = self.value(branch, awaited=awaited)
            if place is not None:
                self._pass_on(result, place)
            self.go(after)
        self.start(after)
        return result

    def _bool_op(self, node: ast.BoolOp, awaited: bool) -> Place | None:
        result = self.temporary(node.end_lineno or node.lineno)
        after = BasicBlock()
        for operand in node.values:
            place = self.value(operand, awaited=awaited)
            if place is not None:
                self._pass_on(result, place)
            if operand is node.values[-1]:
                self.go(after)
                continue
            on, off = BasicBlock(self.current.line), BasicBlock(self.current.line)
            self.go(on)
            self.go(off)
            if place is not None:
                stops = isinstance(node.op, ast.Or)
                asked = Test(place, "truthy", answer=True)
                self.tell(off, asked, stops)
                self.tell(on, asked, not stops)
            off.successors.append(after)
            self.start(on)
        self.start(after)
        return result

    def _pass_on(self, result: Place, place: Place) -> None:
        self.name_facts(result, place)
        self.emit(Move(result, place))
        if place in self.fresh:
            self.fresh.add(result)

    def _display(self, node: ast.expr, elements: Sequence[ast.expr], awaited: bool) -> Place | None:
        places = [self.value(element, awaited=awaited) for element in elements]
        if not any(places):
            return None
        result = self.temporary(node.end_lineno or node.lineno)
        for place in places:
            if place is not None:
                self.emit(Wrap(result, place, node))
                if place in self.fresh:
                    self.fresh.add(result)
        if isinstance(node, (ast.Tuple, ast.List)):
            self.parts[result] = places
        return result

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, awaited: bool
    ) -> Place | None:
        result = self.temporary(node.end_lineno or node.lineno)
        self.loops.append(node)
        for generator in node.generators:
            source = self.value(generator.iter)
            if generator.is_async:
                self.may_raise(generator.iter, cancel=True)
            self.bind(generator.target, source, None, element=True)
            for condition in generator.ifs:
                self.discard(condition)
        elements = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        for element in elements:
            place = self.value(element, awaited=awaited)
            if place is not None:
                self.emit(Wrap(result, place, node, collected=True))
                if place in self.fresh:
                    self.fresh.add(result)
        self.loops.pop()
        return result

    def _yield(self, node: ast.Yield | ast.YieldFrom) -> Place | None:
        if node.value is not None:
            place = self.value(node.value)
            if place is not None:
                self.emit(Leave(place, "yielded", node))
        if not self.context.is_fixture(self.scope.node):
            self.may_raise(node, cancel=True)
        self.yields = True
        return None

    def _subscript(self, node: ast.Subscript) -> Place | None:
        source = self.value(node.value)
        parts = self.parts.get(source or "")
        match node.slice:
            case ast.Constant(value=int(index)) if parts and -len(parts) <= index < len(parts):
                return parts[index]
        self.discard(node.slice)
        if isinstance(node.ctx, ast.Load) and not isinstance(node.slice, ast.Slice):
            self.may_raise(node)
        if source is None:
            return None
        place = self.temporary(node.end_lineno or node.lineno)
        self.emit(Move(place, source, element=True))
        return place

    def _search(self, root: ast.expr) -> None:
        """What is nested too deep to be lowered: its names are used, its calls may raise."""
        stack: list[ast.AST] = [root]
        while stack:
            node = stack.pop()
            if isinstance(node, ast.Name):
                self.mention(node.id, node.lineno)
                self.emit(Use(node.id, node))
            elif isinstance(node, (ast.Call, ast.Await)):
                self.may_raise(node, cancel=isinstance(node, ast.Await))
            stack.extend(ast.iter_child_nodes(node))
