"""Lowers statements: branches, loops, handlers."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TypeAlias

from flake8_naq.lifetimes.cfg.graph import BasicBlock, Forget, Graph, Leave, Test
from flake8_naq.lifetimes.context import decorators_of
from flake8_naq.lifetimes.lowering.acquiring import arguments_of
from flake8_naq.lifetimes.lowering.closures import join_closures
from flake8_naq.lifetimes.lowering.exception_names import (
    CANCELLATION,
    ERRORS,
    EVERYTHING,
    NOT_ERRORS,
    exception_names,
    expected_to_fail,
)
from flake8_naq.lifetimes.lowering.with_statements import ContextManagers
from flake8_naq.names import dotted

# Functions that end the process.
_ENDS = frozenset({"sys.exit", "os._exit", "exit", "quit"})
# What nats-py raises when a closed connection is used, in its versions.
_CLOSED_ERRORS = frozenset({"ConnectionClosedError", "ErrConnectionClosed"})

_Try: TypeAlias = ast.Try | ast.TryStar
_Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


class Statements(ContextManagers):
    """Lowers a whole scope."""

    def lower(self) -> Graph:
        """Lower the scope."""
        node = self.scope.node
        if isinstance(node, ast.Lambda):
            self.statement = ast.Expr(node.body)
            ast.copy_location(self.statement, node.body)
            place = self.value(node.body, awaited=self.opens(node.body))
            if place is not None:
                self.emit(Leave(place, "returned", node.body))
        else:
            self.block(node.body)
        self.go(self.graph.end)
        self.graph.number()
        join_closures(self.closures)
        return self.graph

    def block(self, statements: Sequence[ast.stmt]) -> None:
        """Lower statements one after the other."""
        for statement in statements:
            self.statement = statement
            self.line = statement.lineno
            if not self.current.steps:
                self.current.line = self.line
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Expr(value=ast.BoolOp() as test):
                self._short_circuit(test)
            case ast.Expr(value=ast.Call() as call) if self._ends_the_process(call):
                self.start(BasicBlock())
            case ast.Expr():
                self.discard(node.value)
            case ast.Assign():
                self._assign(node.targets, node.value)
            case ast.AnnAssign():
                if node.value is not None:
                    self._assign([node.target], node.value)
            case ast.AugAssign():
                self._augmented(node)
            case ast.Return():
                self._return(node)
            case ast.Raise():
                self._raise(node)
            case ast.If():
                self._if(node)
            case ast.While():
                self._while(node)
            case ast.For() | ast.AsyncFor():
                self._for(node)
            case ast.Try() | ast.TryStar():
                self._try(node)
            case ast.With() | ast.AsyncWith():
                self.with_items(node, node.items)
            case ast.Match():
                self._match(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._nested_function(node)
            case ast.Break():
                self.jump("break")
            case ast.Continue():
                self.jump("continue")
            case ast.Assert():
                self.discard(node.test)
                self.may_raise(node)
            case ast.Delete():
                for target in node.targets:
                    path = dotted(target)
                    if path is not None:
                        self.emit(Forget(path))
                    else:
                        self.discard(target)
            case ast.ClassDef():
                self.emit(Forget(node.name))

    def _assign(self, targets: Sequence[ast.expr], value: ast.expr) -> None:
        if len(targets) == 1 and self.put_off(targets[0], value):
            return
        place = self.value(value)
        for target in targets:
            self.bind(target, place, value)
        if len(targets) == 1 and isinstance(targets[0], ast.Name):
            self.note_flag(targets[0].id, value)
        if place is not None and place.startswith("%"):
            self.emit(Forget(place))

    def _augmented(self, node: ast.AugAssign) -> None:
        place = self.value(node.value)
        target = dotted(node.target)
        if place is not None:
            self.keep_in(target, place, node)
        elif target is not None:
            self.emit(Forget(target))
        else:
            self.discard(node.target)

    def _return(self, node: ast.Return) -> None:
        if node.value is not None:
            elements: list[ast.expr] = [node.value]
            if isinstance(node.value, ast.Tuple):
                elements = node.value.elts
            for element in elements:
                place = self.value(element, awaited=self.opens(element))
                if place is None:
                    continue
                if place in self.closures:
                    self.closures[place].escapes.append((node, None))
                else:
                    self.emit(Leave(place, "returned", element))
        self.jump("return", node.lineno)

    def _raise(self, node: ast.Raise) -> None:
        for part in (node.exc, node.cause):
            if part is not None:
                self.discard(part)
        raised = exception_names(node.exc) if node.exc is not None else set()
        self.raise_now(node, cancelling=bool(raised) and raised <= NOT_ERRORS)

    def _nested_function(self, node: _Function) -> None:
        for decorator in node.decorator_list:
            self.discard(decorator)
        for default in (*node.args.defaults, *filter(None, node.args.kw_defaults)):
            self.discard(default)
        self.emit(Forget(node.name))
        self.capture(node)
        if node.decorator_list and not set(decorators_of(node)) <= {"wraps", "functools.wraps"}:
            self.closures[node.name].escapes.append((node, None))

    # Branches and loops

    def _if(self, node: ast.If) -> None:
        # A chain of `elif` is a list here, however deep it is in the tree.
        after = BasicBlock()
        branch: ast.If = node
        while True:
            yes, no = BasicBlock(), BasicBlock()
            self.condition(branch.test, yes, no)
            self.start(yes)
            self.block(branch.body)
            self.go(after)
            self.start(no)
            if len(branch.orelse) == 1 and isinstance(following := branch.orelse[0], ast.If):
                branch = following
                self.statement = branch
                self.line = self.current.line = branch.lineno
                continue
            self.block(branch.orelse)
            self.go(after)
            break
        self.start(after)

    def _while(self, node: ast.While) -> None:
        head, body, done, after = BasicBlock(node.lineno), BasicBlock(), BasicBlock(), BasicBlock()
        self.loop_ends.append(node.end_lineno or node.lineno)
        self.loops.append(node)
        self.go(head)
        self.start(head)
        self.condition(node.test, body, done)
        self.start(body)
        self.in_loop(after, head, lambda: self.block(node.body))
        self.go(head)
        self.loops.pop()
        self.start(done)
        self.block(node.orelse)
        self.loop_ends.pop()
        self.go(after)
        self.start(after)

    def _for(self, node: ast.For | ast.AsyncFor) -> None:
        source = self.value(node.iter)
        head, body, done, after = BasicBlock(node.lineno), BasicBlock(), BasicBlock(), BasicBlock()
        self.loop_ends.append(node.end_lineno or node.lineno)
        self.loops.append(node)
        self.go(head)
        self.start(head)
        if isinstance(node, ast.AsyncFor):
            self.may_raise(node.iter, cancel=True)
        self.go(body)
        self.go(done)
        if source is not None:
            self.mention(source.partition(".")[0], node.end_lineno or node.lineno)
            # What is in a container that is looped over was in some turn of the loop.
            done.steps.append(Test(source, "iterated", answer=True, mark=f"~{id(node)}"))
        self.start(body)
        self.bind(node.target, source, None, element=True)
        if source is not None:
            self.emit(Test(source, "iterated", answer=False, mark=f"~{id(node)}"))
        self.in_loop(after, head, lambda: self.block(node.body))
        self.go(head)
        self.loops.pop()
        self.start(done)
        self.block(node.orelse)
        self.loop_ends.pop()
        self.go(after)
        self.start(after)

    def _ends_the_process(self, call: ast.Call) -> bool:
        """Whether nothing comes after a call, and so nothing that it leaves open matters."""
        if self.context.names.resolve(call.func, self.scope) not in _ENDS:
            return False
        for argument in arguments_of(call):
            self.discard(argument)
        return True

    def _short_circuit(self, node: ast.BoolOp) -> None:
        """``nc and await nc.close()`` as a statement is an ``if``."""
        after = BasicBlock()
        for operand in node.values[:-1]:
            on = BasicBlock(self.line)
            if isinstance(node.op, ast.And):
                self.condition(operand, on, after)
            else:
                self.condition(operand, after, on)
            self.start(on)
        self.discard(node.values[-1])
        self.go(after)
        self.start(after)

    def _match(self, node: ast.Match) -> None:
        subject = self.value(node.subject)
        after = BasicBlock()
        for case in node.cases:
            body, following = BasicBlock(), BasicBlock()
            open_ended = isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None
            if not open_ended:
                self.go(following)
                self.advance()
            for child in ast.walk(case.pattern):
                if isinstance(child, (ast.MatchAs, ast.MatchStar)) and child.name:
                    whole = child is case.pattern
                    self.bind_place(child.name, subject, None, not whole)
            if case.guard is not None:
                self.condition(case.guard, body, following)
            else:
                self.go(body)
            self.start(body)
            self.block(case.body)
            self.go(after)
            self.start(following)
        self.go(after)
        self.start(after)

    # Handlers

    def _try(self, node: _Try) -> None:
        if node.finalbody:
            self.finally_run(lambda: self._try_except(node), lambda: self.block(node.finalbody))
        else:
            self._try_except(node)

    def _try_except(self, node: _Try) -> None:
        after = BasicBlock()
        raised, cancelled = BasicBlock(), BasicBlock()
        if not node.handlers:
            self.block(node.body)
            return
        fails = expected_to_fail(node)
        self.expects_failure = fails or self.expects_failure
        expects = any(_is_for_closed(handler) for handler in node.handlers)
        self.expecting += expects
        self.catching(raised, cancelled, lambda: self.block(node.body))
        self.expecting -= expects
        if fails is not None:
            self.expects_failure = None
        self.block(node.orelse)
        self.go(after)
        raised_on, cancelled_on = True, True
        for handler in node.handlers:
            entry = BasicBlock(handler.lineno)
            caught = exception_names(handler.type) if handler.type is not None else EVERYTHING
            if raised_on and not caught <= NOT_ERRORS:
                raised.successors.append(entry)
                raised_on = not caught & (EVERYTHING | ERRORS)
            if cancelled_on and caught & (EVERYTHING | CANCELLATION):
                cancelled.successors.append(entry)
                cancelled_on = False
            self.start(entry)
            if handler.name:
                self.emit(Forget(handler.name))
            self.block(handler.body)
            self.go(after)
        if raised_on:
            self.hand_on(raised, "raise")
        if cancelled_on:
            self.hand_on(cancelled, "cancel")
        self.start(after)


def _is_for_closed(handler: ast.ExceptHandler) -> bool:
    """Whether a handler is there for what a closed connection raises."""
    return handler.type is not None and bool(exception_names(handler.type) & _CLOSED_ERRORS)
