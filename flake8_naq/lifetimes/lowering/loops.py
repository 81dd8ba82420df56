"""Lowers loops."""

from __future__ import annotations

import ast
from collections.abc import Callable

from flake8_naq.lifetimes.cfg.graph import Assume, BasicBlock
from flake8_naq.lifetimes.lowering.expressions import Expressions
from flake8_naq.lifetimes.lowering.handlers import LowerStatements
from flake8_naq.lifetimes.lowering.scope_state import ScopeState


class Loops:
    """Lowers the loops of one scope."""

    def __init__(
        self, state: ScopeState, expressions: Expressions, lower_statements: LowerStatements
    ) -> None:
        self._state = state
        self._builder = state.builder
        self._expressions = expressions
        self._lower_statements = lower_statements

    def lower_while(self, node: ast.While) -> None:
        """Lower a `while`."""

        def head(body: BasicBlock, done: BasicBlock) -> None:
            self._expressions.conditions.branch(node.test, body, done)
            self._builder.start(body)

        self._lower(node, head)

    def lower_for(self, node: ast.For | ast.AsyncFor) -> None:
        """Lower a `for` or an `async for`."""
        source = self._expressions.value(node.iter)
        builder = self._builder

        def head(body: BasicBlock, done: BasicBlock) -> None:
            if isinstance(node, ast.AsyncFor):
                builder.may_raise(node.iter, cancel=True)
            builder.go(body)
            builder.go(done)
            mark = f"~{id(node)}"
            if source is not None:
                self._state.mention(source, node.end_lineno or node.lineno)
                # After the loop, each element of the container has had its turn.
                done.instructions.append(Assume(source, "iterated", answer=True, mark=mark))
            builder.start(body)
            self._expressions.bindings.bind(node.target, source, None, element=True)
            if source is not None:
                builder.emit(Assume(source, "iterated", answer=False, mark=mark))

        self._lower(node, head)

    def _lower(
        self,
        node: ast.While | ast.For | ast.AsyncFor,
        lower_head: Callable[[BasicBlock, BasicBlock], None],
    ) -> None:
        builder, loops = self._builder, self._state.around.loops
        head, body, done, after = BasicBlock(node.lineno), BasicBlock(), BasicBlock(), BasicBlock()
        builder.loop_ends.append(node.end_lineno or node.lineno)
        loops.append(node)
        builder.graph.loop_heads[head] = node
        builder.go(head)
        builder.start(head)
        lower_head(body, done)
        builder.in_loop(after, head, lambda: self._lower_statements(node.body))
        builder.go(head)
        loops.pop()
        builder.start(done)
        self._lower_statements(node.orelse)
        builder.loop_ends.pop()
        builder.go(after)
        builder.start(after)
