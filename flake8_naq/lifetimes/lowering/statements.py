"""Lowers statements: each kind has one handler."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TypeAlias

from flake8_naq.lifetimes.cfg.graph import BasicBlock, Forget, Leave
from flake8_naq.lifetimes.context import decorators_of
from flake8_naq.lifetimes.lowering.acquisitions import arguments_of
from flake8_naq.lifetimes.lowering.escapes import defer_closure
from flake8_naq.lifetimes.lowering.exception_names import NOT_ERRORS, exception_names
from flake8_naq.lifetimes.lowering.expressions import Expressions
from flake8_naq.lifetimes.lowering.handlers import Handlers
from flake8_naq.lifetimes.lowering.loops import Loops
from flake8_naq.lifetimes.lowering.scope_state import ScopeState
from flake8_naq.lifetimes.lowering.with_statements import WithStatements
from flake8_naq.names import dotted

# Functions that end the process.
_ENDS = frozenset({"sys.exit", "os._exit", "exit", "quit"})

_Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


class Statements:
    """Lowers the statements of one scope."""

    def __init__(self, state: ScopeState) -> None:
        self._state = state
        self._builder = state.builder
        self._expressions = Expressions(state)
        self._bindings = self._expressions.bindings
        self._conditions = self._expressions.conditions
        self._acquisitions = self._expressions.calls.acquisitions
        self._handlers = Handlers(state, self.lower)
        self._loops = Loops(state, self._expressions, self.lower)
        self._with_statements = WithStatements(state, self._expressions, self.lower)

    def lower_scope(self) -> None:
        """Lower the whole scope."""
        node = self._state.scope.node
        if isinstance(node, ast.Lambda):
            self._state.around.statement = ast.copy_location(ast.Expr(node.body), node.body)
            self._leave(node.body)
        else:
            self.lower(node.body)
        self._builder.go(self._builder.graph.end)
        self._builder.graph.number()

    def lower(self, statements: Sequence[ast.stmt]) -> None:
        """Lower statements one after the other."""
        for statement in statements:
            self._enter(statement)
            block = self._builder.current
            if not block.instructions:
                block.line = statement.lineno
            block.lines += (statement.lineno,)
            if not self._simple(statement):
                self._compound(statement)

    def _enter(self, statement: ast.stmt) -> None:
        self._state.around.statement = statement
        self._builder.line = statement.lineno

    def _simple(self, node: ast.stmt) -> bool:
        """Lower a simple statement; False when it is a compound one."""
        match node:
            case ast.Expr():
                self._expression(node.value)
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
            case ast.Break():
                self._builder.jump("break")
            case ast.Continue():
                self._builder.jump("continue")
            case ast.Assert():
                self._expressions.discard(node.test)
                self._builder.may_raise(node)
            case ast.Delete():
                self._delete(node)
            case _:
                return False
        return True

    def _compound(self, node: ast.stmt) -> None:
        match node:
            case ast.If():
                self._if(node)
            case ast.While():
                self._loops.lower_while(node)
            case ast.For() | ast.AsyncFor():
                self._loops.lower_for(node)
            case ast.Try() | ast.TryStar():
                self._handlers.lower(node)
            case ast.With() | ast.AsyncWith():
                self._with_statements.lower(node)
            case ast.Match():
                self._match(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._nested_function(node)
            case ast.ClassDef():
                self._builder.emit(Forget(node.name))

    def _expression(self, node: ast.expr) -> None:
        if isinstance(node, ast.BoolOp):
            # `nc and await nc.close()` as a statement is an `if`.
            after = BasicBlock()
            self._conditions.short_circuit(node, after, after)
            self._expressions.discard(node.values[-1])
            self._builder.go(after)
            self._builder.start(after)
        elif isinstance(node, ast.Call) and self._ends_the_process(node):
            self._builder.start(BasicBlock())
        else:
            self._expressions.discard(node)

    def _assign(self, targets: Sequence[ast.expr], value: ast.expr) -> None:
        if len(targets) == 1 and self._acquisitions.defer(targets[0], value):
            return
        place = self._expressions.value(value)
        for target in targets:
            self._bindings.bind(target, place, value)
        if len(targets) == 1 and isinstance(targets[0], ast.Name):
            self._conditions.note_flag(targets[0].id, value)
        if place is not None and place.startswith("%"):
            self._builder.emit(Forget(place))

    def _augmented(self, node: ast.AugAssign) -> None:
        place = self._expressions.value(node.value)
        target = dotted(node.target)
        if place is not None:
            self._bindings.keep_in(target, place, node)
        elif target is not None:
            self._builder.emit(Forget(target))
        else:
            self._expressions.discard(node.target)

    def _delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            path = dotted(target)
            if path is not None:
                self._builder.emit(Forget(path))
            else:
                self._expressions.discard(target)

    def _return(self, node: ast.Return) -> None:
        if node.value is not None:
            elements = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            for element in elements:
                self._leave(element, node)
        self._builder.jump("return", node.lineno)

    def _leave(self, element: ast.expr, statement: ast.Return | None = None) -> None:
        """Let the value of an expression, or its coroutine's, leave the scope."""
        place = self._expressions.value(element, awaited=self._acquisitions.opens(element))
        if place is None:
            return
        if statement is not None and place in self._state.closures:
            self._state.closures[place].escapes.append((statement, None))
            defer_closure(self._state, self._state.closures[place], "returned")
        else:
            self._builder.emit(Leave(place, "returned", element))

    def _raise(self, node: ast.Raise) -> None:
        for part in (node.exc, node.cause):
            if part is not None:
                self._expressions.discard(part)
        raised = exception_names(node.exc) if node.exc is not None else set()
        self._builder.raise_now(node, cancelling=bool(raised) and raised <= NOT_ERRORS)

    def _nested_function(self, node: _Function) -> None:
        for decorator in node.decorator_list:
            self._expressions.discard(decorator)
        for default in (*node.args.defaults, *filter(None, node.args.kw_defaults)):
            self._expressions.discard(default)
        self._builder.emit(Forget(node.name))
        self._expressions.capture(node)
        if node.decorator_list and not set(decorators_of(node)) <= {"wraps", "functools.wraps"}:
            self._state.closures[node.name].escapes.append((node, None))

    def _ends_the_process(self, call: ast.Call) -> bool:
        """Whether nothing comes after a call, and so nothing that it leaves open matters."""
        if self._state.context.names.resolve(call.func, self._state.scope) not in _ENDS:
            return False
        for argument in arguments_of(call):
            self._expressions.discard(argument)
        return True

    def _if(self, node: ast.If) -> None:
        # A chain of `elif` is a list here, however deep it is in the tree.
        after = BasicBlock()
        branch: ast.If | None = node
        while branch is not None:
            yes, no = BasicBlock(), BasicBlock()
            self._conditions.branch(branch.test, yes, no)
            self._builder.start(yes)
            self.lower(branch.body)
            self._builder.go(after)
            self._builder.start(no)
            orelse = branch.orelse
            if len(orelse) == 1 and isinstance(orelse[0], ast.If):
                branch = orelse[0]
                self._enter(branch)
                self._builder.current.line = branch.lineno
            else:
                branch = None
                self.lower(orelse)
                self._builder.go(after)
        self._builder.start(after)

    def _match(self, node: ast.Match) -> None:
        subject = self._expressions.value(node.subject)
        after = BasicBlock()
        for case in node.cases:
            body, following = BasicBlock(), BasicBlock()
            self._pattern(case.pattern, subject, following)
            if case.guard is not None:
                self._conditions.branch(case.guard, body, following)
            else:
                self._builder.go(body)
            self._builder.start(body)
            self.lower(case.body)
            self._builder.go(after)
            self._builder.start(following)
        self._builder.go(after)
        self._builder.start(after)

    def _pattern(self, pattern: ast.pattern, subject: str | None, following: BasicBlock) -> None:
        open_ended = isinstance(pattern, ast.MatchAs) and pattern.pattern is None
        if not open_ended:
            self._builder.go(following)
            self._builder.advance()
        for child in ast.walk(pattern):
            if isinstance(child, (ast.MatchAs, ast.MatchStar)) and child.name:
                whole = child is pattern
                self._bindings.bind_place(child.name, subject, None, element=not whole)
