"""Summaries of functions that handle connections, in a module and in the files that it imports.

Each function is worked out once, callees first. What is known of other files is kept as long as
the process lives.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from flake8_naq.lifetimes.callees import Acquirer, ParameterFate
from flake8_naq.lifetimes.context import Context, decorators_of
from flake8_naq.lifetimes.dataflow.propagation import Propagation
from flake8_naq.lifetimes.facts import Site
from flake8_naq.lifetimes.lowering import lower_scope
from flake8_naq.lifetimes.summaries import acquirer_of, class_manager_of, manager_of
from flake8_naq.lifetimes.tracing import trace
from flake8_naq.names import Function, Known, Names, Scope

# Words in the names of decorators that leave what a function returns as it is.
_HARMLESS = (
    "retry",
    "backoff",
    "staticmethod",
    "classmethod",
    "override",
    "abstractmethod",
    "trace",
    "log",
    "time",
    "measure",
)


class Helpers:
    """The functions of a project.

    Args:
        context_of: The context of a module.
    """

    def __init__(self, context_of: Callable[[Names], Context]) -> None:
        self._context_of = context_of

    def acquirer(self, known: Known) -> Acquirer | None:
        """How a function hands out a fresh connection, None when it does not."""
        acquirers = self._context_of(known.names).acquirers
        if known.node not in acquirers:
            self._work_out(known)
        return acquirers[known.node]

    def manager(self, known: Known) -> Acquirer | None:
        """The connection that a context manager yields, None for any other value."""
        context = self._context_of(known.names)
        if known.node not in context.managers:
            context.managers[known.node] = None
            context.managers[known.node] = self._manager(known, context)
        return context.managers[known.node]

    def _manager(self, known: Known, context: Context) -> Acquirer | None:
        if isinstance(known.node, ast.ClassDef):
            return self._class_manager(known)
        scope = known.names.scope_of(known.node)
        if scope.yields and any("contextmanager" in name for name in decorators_of(known.node)):
            return manager_of(trace(scope, context), scope)
        return None

    def _class_manager(self, known: Known) -> Acquirer | None:
        enter = known.names.method(known.node, "__aenter__")
        leave = known.names.method(known.node, "__aexit__")
        if enter is None or leave is None:
            return None
        entered = enter.names.scope_of(enter.node)
        traces = trace(entered, self._context_of(enter.names))
        return class_manager_of(traces, entered, leave.names.scope_of(leave.node))

    def fate(self, known: Known, parameter: str) -> ParameterFate:
        """The effect on a connection that goes to the parameter of this name."""
        fates = self._context_of(known.names).fates
        key = (known.node, parameter)
        if key not in fates:
            # A function that calls itself, or others in turn, is not followed further.
            fates[key] = ParameterFate(keeps=True)
            fates[key] = self._fate(known, parameter)
        return fates[key]

    def _work_out(self, start: Known) -> None:
        """Work out a function after those that it calls, without recursion."""
        path, waiting = [start], [self._callees(start)]
        while path:
            callee = next(waiting[-1], None)
            if callee is None:
                waiting.pop()
                self._settle(path.pop())
            elif callee in path:
                # Functions that call one another in a circle hand out nothing that is certain.
                for known in path[path.index(callee) :]:
                    self._context_of(known.names).acquirers[known.node] = None
            elif callee.node not in self._context_of(callee.names).acquirers:
                path.append(callee)
                waiting.append(self._callees(callee))

    def _settle(self, known: Known) -> None:
        context = self._context_of(known.names)
        if known.node in context.acquirers:
            return
        context.acquirers[known.node] = None
        scope = known.names.scope_of(known.node)
        if not scope.yields and _hands_through(known.node) and scope in context.candidates:
            context.acquirers[known.node] = acquirer_of(trace(scope, context), scope)

    def _callees(self, known: Known) -> Iterator[Known]:
        scope = known.names.scope_of(known.node)
        for call in scope.calls:
            callee = known.names.definition(call.func, scope, opening=True)
            if callee is not None and not isinstance(callee.node, ast.ClassDef):
                yield callee

    def _fate(self, known: Known, parameter: str) -> ParameterFate:
        assert not isinstance(known.node, ast.ClassDef)
        scope = known.names.scope_of(known.node)
        context = self._context_of(known.names)
        lowered = lower_scope(Context(known.names, context.vocabulary), scope)
        found = Propagation(lowered.graph, _given(known.node, scope, parameter)).from_entry(
            parameter
        )
        kinds = {escape.kind for escape in found.escapes.values()}
        captured = any(
            parameter in closure.names and closure.escapes for closure in lowered.closures.values()
        )
        closes = any(release.matches for release in found.releases)
        derives = None
        derived = {handle.kind for handle in found.derived}
        if kinds == {"returned"} and len(derived) == 1:
            derives = derived.pop()
        keeps = bool(kinds - {"container"}) or captured or found.closer_handed_on
        return ParameterFate(closes, keeps and not derives, derives)


def _given(function: Function, scope: Scope, parameter: str) -> Site:
    """A connection that the function is given."""
    stand_in = ast.Call(ast.Name(parameter, ast.Load()), [], [])
    return Site(function, scope.qualname, stand_in, function, parameter, None, "naq")


def _hands_through(node: ast.AST) -> bool:
    """Whether the decorators of a function leave what it returns as it is; a cache shares it."""
    return all(any(word in name.lower() for word in _HARMLESS) for name in decorators_of(node))
