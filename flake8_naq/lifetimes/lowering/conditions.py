"""Lowers conditions: what each branch knows by being taken."""

from __future__ import annotations

import ast

from flake8_naq.lifetimes.cfg.graph import BasicBlock, Place, Test, Use
from flake8_naq.lifetimes.lowering.places import Places
from flake8_naq.names import dotted

# Beyond this depth of nesting an expression is not looked into.
DEEPEST = 60
# So many flags of one place are kept.
_MOST_FLAGS = 4


class Conditions(Places):
    """Lowers the conditions of one scope."""

    def condition(self, node: ast.expr, yes: BasicBlock, no: BasicBlock) -> None:
        """Lower a condition: the straight path goes on in `yes` or in `no`."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            self.condition(node.operand, no, yes)
        elif isinstance(node, ast.BoolOp) and self.depth < DEEPEST:
            self.depth += 1
            for operand in node.values[:-1]:
                on = BasicBlock(self.current.line)
                if isinstance(node.op, ast.And):
                    self.condition(operand, on, no)
                else:
                    self.condition(operand, yes, on)
                self.start(on)
            self.condition(node.values[-1], yes, no)
            self.depth -= 1
        elif isinstance(node, ast.Constant):
            self.go(yes if node.value else no)
        else:
            self._ask(node, yes, no)

    def _ask(self, node: ast.expr, yes: BasicBlock, no: BasicBlock) -> None:
        tested = self._question(node)
        if tested is None:
            place = self.value(node)
            if place is not None and not place.startswith("%"):
                self.emit(Use(place, node))
            text = _as_question(node)
            tested = Test(text, "truthy", True) if text else None
        for block, answer in ((yes, True), (no, False)):
            if tested is None:
                self.go(block)
                continue
            edge = BasicBlock(self.current.line)
            self.tell(edge, tested, tested.answer is answer)
            edge.successors.append(block)
            self.go(edge)

    def tell(self, block: BasicBlock, test: Test, answer: bool) -> None:
        """Let a block know the answer to a question, and what flags say that ask the same."""
        self.ask(block, Test(test.place, test.question, answer, test.mark))
        if test.question == "same":
            self.ask(block, Test(f"?{test.place},{test.mark}:same", "truthy", answer))
        if test.question not in ("truthy", "none"):
            return
        absent = answer is (test.question == "none")
        if absent and test.question == "truthy" and test.place in self.optional:
            self.ask(block, Test(test.place, "none", answer=True))
        for flag, if_absent in self.flags.get(test.place, {}).items():
            self.ask(block, Test(flag, "truthy", answer=if_absent is absent))

    def _question(self, node: ast.expr) -> Test | None:
        """What a simple condition asks of a place, and the answer that makes it true."""
        match node:
            case ast.Name() | ast.Attribute():
                if isinstance(node, ast.Attribute) and node.attr in ("is_connected", "is_closed"):
                    place = self._asked(node.value)
                    question = node.attr.removeprefix("is_")
                    if place is not None and question == "connected":
                        return Test(place, "connected", True)
                    return Test(place, "closed", True) if place is not None else None
                place = self._asked(node)
                return Test(place, "truthy", True) if place is not None else None
            case ast.NamedExpr():
                self.value(node)
                return Test(node.target.id, "truthy", True)
            case ast.Compare(
                left=left,
                ops=[ast.Is() | ast.IsNot() | ast.Eq() | ast.NotEq() as operator],
                comparators=[ast.Constant(value=None)],
            ):
                place = self._asked(left)
                positive = isinstance(operator, (ast.Is, ast.Eq))
                return Test(place, "none", positive) if place is not None else None
            case ast.Compare(
                left=ast.Name() | ast.Attribute() as left,
                ops=[ast.Is() | ast.IsNot() as operator],
                comparators=[ast.Name() | ast.Attribute() as right],
            ):
                place, other = self._asked(left), self._asked(right)
                if place is None or other is None:
                    return None
                return Test(place, "same", isinstance(operator, ast.Is), other)
            case ast.Compare(
                left=ast.Constant(value=str(name)),
                ops=[ast.In() | ast.NotIn() as operator],
                comparators=[ast.Call(func=ast.Name(id="locals" | "vars" | "dir" | "globals"))],
            ):
                self.mention(name, node.lineno)
                return Test(name, "bound", isinstance(operator, ast.In))
            case ast.Call(
                func=ast.Name(id="getattr" | "hasattr"),
                args=[asked, ast.Constant(value=str(name)), *_],
            ) if name in ("is_connected", "is_closed"):
                place = self._asked(asked)
                if place is None or name == "is_closed":
                    return None
                return Test(place, "connected", True)
            case ast.Call(func=ast.Name(id="bool"), args=[asked]):
                return self._question(asked)
        return None

    def note_flag(self, flag: str, value: ast.expr) -> None:
        """Note what a flag tells of a place: ``owned = nc is None``, ``owned = not nc``."""
        positive = True
        while isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.Not):
            value, positive = value.operand, not positive
        if isinstance(value, ast.Compare) or (isinstance(value, ast.Name) and not positive):
            test = self._question(value)
            if test is not None and test.question in ("truthy", "none"):
                absent = (test.question == "none") is test.answer
                told = self.flags.setdefault(test.place, {})
                if len(told) < _MOST_FLAGS:
                    told[flag] = absent is positive
                    self.flagged[flag] = test.place

    def _asked(self, node: ast.expr) -> Place | None:
        path = dotted(node)
        if path is not None:
            self.mention(path.partition(".")[0], node.lineno)
            return path
        if isinstance(node, ast.NamedExpr):
            return self.value(node)
        return None


def _as_question(node: ast.expr) -> str | None:
    """The text of a pure condition, after the names in it: asked twice, it answers the same."""
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
