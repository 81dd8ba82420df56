"""Lowers the calls that run a coroutine: in place, beside others, or in a task."""

from __future__ import annotations

import ast

from flake8_naq.lifetimes.cfg.graph import Defer, Place, Wrap
from flake8_naq.lifetimes.lowering.acquisitions import Acquisitions, arguments_of
from flake8_naq.lifetimes.lowering.awaited_tasks import AwaitedTasks
from flake8_naq.lifetimes.lowering.bindings import Bindings
from flake8_naq.lifetimes.lowering.no_raise import cannot_raise
from flake8_naq.lifetimes.lowering.resolved_call import ResolvedCall
from flake8_naq.lifetimes.lowering.scope_state import Evaluator, ScopeState
from flake8_naq.names import dotted
from flake8_naq.names.vocabulary import CLOSING_METHODS

# Calls that return what the coroutine, task or future that they are given returns.
_WRAPPERS = frozenset(
    [
        "wait_for",
        "shield",
        "create_task",
        "ensure_future",
        "gather",
        "run",
        "run_until_complete",
        "run_coroutine_threadsafe",
        "run_sync",
        "syncify",
    ]
)
_AMBIGUOUS = frozenset(["run", "run_sync", "syncify"])
# Of the wrappers, those that start a task, and those that return a task or a future of it.
_STARTING_TASK = frozenset(["create_task", "ensure_future"])
_RETURNING_TASK = _STARTING_TASK | {"run_coroutine_threadsafe"}
_RUNNING_LOOP = frozenset(["run", "run_until_complete"])


class Tasks:
    """Lowers the wrappers of coroutines in one scope."""

    def __init__(
        self,
        state: ScopeState,
        evaluator: Evaluator,
        bindings: Bindings,
        acquisitions: Acquisitions,
    ) -> None:
        self._state = state
        self._builder = state.builder
        self._evaluator = evaluator
        self._bindings = bindings
        self._acquisitions = acquisitions
        self._awaited = AwaitedTasks(state.scope)

    def lower(self, call: ResolvedCall) -> Place | None:
        """Lower a wrapper: the place that holds its result."""
        node = call.node
        self._evaluator.discard(node.func)
        if call.last == "gather":
            return self._gather(call)
        places = self._run(call)
        if not places:
            return None
        first = places[0]
        if self._is_detached(call):
            self._defer(node.args[:1])
        values = self._state.values
        if call.last in _RETURNING_TASK and not call.awaited and first in values.acquired:
            values.tasks.add(first)
        if first in self._state.closures:
            self._state.closures[first].escapes.append((node, None))
            return None
        return first

    def _is_detached(self, call: ResolvedCall) -> bool:
        """Whether a call starts a task that nothing in the scope awaits."""
        if call.awaited or call.last not in _STARTING_TASK:
            return False
        return not self._awaited.include(call.node, self._state.around.statement)

    def _defer(self, coroutines: list[ast.expr]) -> None:
        """Let the uses of these coroutines run when their task does: ``nc.publish(...)``."""
        for coroutine in coroutines:
            match coroutine:
                case ast.Call(func=ast.Attribute(value=owner, attr=method)):
                    path = dotted(owner)
                    if path is not None and method not in CLOSING_METHODS:
                        self._builder.emit(Defer(path, owner, "task"))

    def _gather(self, call: ResolvedCall) -> Place | None:
        node = call.node
        if any(self._acquisitions.opens(argument) for argument in node.args):
            # Assume that `gather` fails before any result is bound.
            self._builder.may_raise(node)
        places = self._run(call)
        if not any(places):
            return None
        if len(places) == 1 and isinstance(node.args[0], ast.Starred):
            return places[0]
        result = self._state.temporary(node)
        for place in places:
            if place is not None:
                self._builder.emit(Wrap(result, place, node))
        values = self._state.values
        values.parts[result] = places
        if values.any_fresh(places):
            values.fresh.add(result)
        return result

    def _run(self, call: ResolvedCall) -> list[Place | None]:
        """Lower the coroutines that a wrapper is given: the places of their results."""
        around = self._state.around
        outer = around.gathering, around.in_task, around.detached
        around.gathering = call.last == "gather"
        around.in_task = not call.awaited and call.last in _STARTING_TASK
        around.detached = self._is_detached(call)
        places = [
            self._evaluator.value(argument, awaited=True) for argument in arguments_of(call.node)
        ]
        if call.last == "gather":
            tasks = self._state.values.tasks
            places = [
                self._bindings.result_of(place) if place in tasks else place for place in places
            ]
        around.gathering, around.in_task, around.detached = outer
        fresh = self._state.values.any_fresh(places)
        if not call.awaited and not fresh and not cannot_raise(call.node):
            self._builder.may_raise(call.node, cancel=call.last in _RUNNING_LOOP)
        return places


def wraps_coroutine(call: ResolvedCall) -> bool:
    """Whether a call runs the coroutine that it is given: ``asyncio.run(main())``, no `app.run(nc)`."""
    if call.last not in _WRAPPERS:
        return False
    args = call.node.args
    return call.last not in _AMBIGUOUS or (bool(args) and isinstance(args[0], ast.Call))
