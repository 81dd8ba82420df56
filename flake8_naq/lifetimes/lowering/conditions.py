"""Lowers conditions: each branch starts with the assumption that leads to it."""

from __future__ import annotations

import ast

from flake8_naq.lifetimes.cfg.graph import Assume, BasicBlock, Place, Question
from flake8_naq.lifetimes.lowering.scope_state import Evaluator, ScopeState
from flake8_naq.names import dotted

# Beyond this depth of nesting an expression is not looked into.
DEEPEST = 60


class Conditions:
    """Lowers the conditions of one scope."""

    def __init__(self, state: ScopeState, evaluator: Evaluator) -> None:
        self._state = state
        self._builder = state.builder
        self._evaluator = evaluator

    def branch(self, node: ast.expr, yes: BasicBlock, no: BasicBlock) -> None:
        """Lower a condition: the straight path goes on in `yes` or in `no`."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            self.branch(node.operand, no, yes)
        elif isinstance(node, ast.BoolOp) and self._state.around.depth < DEEPEST:
            self._state.around.depth += 1
            self.short_circuit(node, yes, no)
            self.branch(node.values[-1], yes, no)
            self._state.around.depth -= 1
        elif isinstance(node, ast.Constant):
            self._builder.go(yes if node.value else no)
        else:
            self._branch_on_test(node, yes, no)

    def short_circuit(self, node: ast.BoolOp, yes: BasicBlock, no: BasicBlock) -> None:
        """Lower the operands of an ``and`` or an ``or`` before its last one."""
        for operand in node.values[:-1]:
            on = BasicBlock(self._builder.current.line)
            if isinstance(node.op, ast.And):
                self.branch(operand, on, no)
            else:
                self.branch(operand, yes, on)
            self._builder.start(on)

    def assume(self, block: BasicBlock, test: Assume, answer: bool) -> None:
        """Let a block assume the answer to a test, and the flags that depend on it."""
        builder = self._builder
        builder.assume(block, Assume(test.place, test.question, answer, test.mark))
        if test.question == "same":
            builder.assume(block, Assume(f"?{test.place},{test.mark}:same", "truthy", answer))
        for implied in self._state.flags.implied(test, answer=answer):
            builder.assume(block, implied)

    def note_flag(self, flag: str, value: ast.expr) -> None:
        """Note a flag for a place: ``owned = nc is None``, ``owned = not nc``."""
        positive = True
        while isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.Not):
            value, positive = value.operand, not positive
        if isinstance(value, ast.Compare) or (isinstance(value, ast.Name) and not positive):
            test = self._test_of(value)
            if test is not None:
                self._state.flags.note(flag, test, positive=positive)

    def _branch_on_test(self, node: ast.expr, yes: BasicBlock, no: BasicBlock) -> None:
        test = self._test_of(node)
        if test is None:
            self._state.use_name(self._evaluator.value(node), node)
            text = _as_question(node)
            test = Assume(text, "truthy", answer=True) if text else None
        for block, answer in ((yes, True), (no, False)):
            if test is None:
                self._builder.go(block)
                continue
            edge = BasicBlock(self._builder.current.line)
            self.assume(edge, test, test.answer is answer)
            edge.successors.append(block)
            self._builder.go(edge)

    def _test_of(self, node: ast.expr) -> Assume | None:
        """The test that a simple condition makes of a place, with the answer that makes it true."""
        match node:
            case ast.Attribute(attr="is_connected" | "is_closed"):
                connected = node.attr == "is_connected"
                return self._test(node.value, "connected" if connected else "closed")
            case ast.Name() | ast.Attribute():
                return self._test(node, "truthy")
            case ast.NamedExpr():
                self._evaluator.value(node)
                return Assume(node.target.id, "truthy", answer=True)
            case ast.Compare(ops=[operator], comparators=[right]):
                return self._comparison(node, operator, right)
            case ast.Call(
                func=ast.Name(id="getattr" | "hasattr"),
                args=[asked, ast.Constant(value="is_connected"), *_],
            ):
                return self._test(asked, "connected")
            case ast.Call(func=ast.Name(id="bool"), args=[asked]):
                return self._test_of(asked)
        return None

    def _comparison(self, node: ast.Compare, operator: ast.cmpop, right: ast.expr) -> Assume | None:
        """``nc is None``, ``nc is not other``, ``"nc" in locals()``."""
        match (node.left, operator, right):
            case (
                asked,
                ast.Is() | ast.IsNot() | ast.Eq() | ast.NotEq(),
                ast.Constant(value=None),
            ):
                positive = isinstance(operator, (ast.Is, ast.Eq))
                return self._test(asked, "none", answer=positive)
            case (
                ast.Name() | ast.Attribute() as left,
                ast.Is() | ast.IsNot(),
                ast.Name() | ast.Attribute(),
            ):
                place, other = self._asked(left), self._asked(right)
                if place is None or other is None:
                    return None
                return Assume(place, "same", isinstance(operator, ast.Is), other)
            case (
                ast.Constant(value=str(name)),
                ast.In() | ast.NotIn(),
                ast.Call(func=ast.Name(id="locals" | "vars" | "dir" | "globals")),
            ):
                self._builder.mention(name, node.lineno)
                return Assume(name, "bound", isinstance(operator, ast.In))
        return None

    def _test(self, node: ast.expr, question: Question, *, answer: bool = True) -> Assume | None:
        place = self._asked(node)
        return Assume(place, question, answer) if place is not None else None

    def _asked(self, node: ast.expr) -> Place | None:
        path = dotted(node)
        if path is not None:
            self._state.mention(path, node.lineno)
            return path
        if isinstance(node, ast.NamedExpr):
            return self._evaluator.value(node)
        return None


def _as_question(node: ast.expr) -> str | None:
    """A name for a pure condition, made of its names and text: equal tests, equal answers."""
    names = set()
    size = 0
    stack: list[ast.AST] = [node]
    while stack:
        child = stack.pop()
        size += 1
        if isinstance(child, ast.Name):
            names.add(child.id)
        elif not isinstance(child, (ast.Compare, ast.Attribute, ast.Constant, ast.cmpop, ast.Load)):
            return None
        if size > 16:
            return None
        stack.extend(ast.iter_child_nodes(child))
    return f"?{','.join(sorted(names))}:{ast.unparse(node)}" if names else None
