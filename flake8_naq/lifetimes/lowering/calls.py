"""Lowers calls: which one acquires, derives, closes, keeps or only uses a connection."""

from __future__ import annotations

import ast

from flake8_naq.lifetimes.cfg.graph import (
    Close,
    Derive,
    Hand,
    Manage,
    Place,
    Use,
    Wrap,
)
from flake8_naq.lifetimes.context import ParameterFate
from flake8_naq.lifetimes.facts import Derived, HandleKind, Release, ReleaseMethod
from flake8_naq.lifetimes.lowering.acquiring import Acquiring, arguments_of
from flake8_naq.lifetimes.lowering.no_raise import cannot_raise
from flake8_naq.lifetimes.vocabulary import CLOSING_METHODS, DERIVING_METHODS
from flake8_naq.names import Function, dotted

# Calls that give back what the coroutine, task or future they are given gives.
_PASSING = frozenset(
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
# Of these, those that give a task or a future of it.
_STARTING = frozenset(["create_task", "ensure_future", "run_coroutine_threadsafe"])
_STACK_METHODS = frozenset(["enter_async_context", "enter_context", "push_async_exit", "push"])
_CONTAINER_METHODS = frozenset(
    ["append", "add", "insert", "extend", "appendleft", "put", "put_nowait", "setdefault", "update"]
)
# Builtins that make a container of what they are given, and methods that hand it to others.
_CONTAINERS = frozenset(
    ["dict", "list", "tuple", "set", "frozenset", "enumerate", "zip", "reversed", "iter", "sorted"]
)
_HANDING_METHODS = frozenset(
    [
        "set",
        "set_result",
        "replace",
        "copy",
        "call_soon",
        "call_later",
        "call_at",
        "add_signal_handler",
        "add_done_callback",
    ]
)
# First words of the names of functions that close what they are given, and of those that keep or
# close it.
_CLOSING_WORDS = frozenset(["close", "disconnect", "drain"])
_KEEPING_WORDS = [
    "set",
    "register",
    "init",
    "attach",
    "add",
    "store",
    "save",
    "put",
    "remember",
    "close",
    "stop",
    "shutdown",
    "cleanup",
    "teardown",
    "disconnect",
    "start",
    "bind",
    "use",
    "install",
    "setup",
    "configure",
    "make",
    "create",
    "build",
    "new",
    "get",
]
# Attributes of a closed connection that may still be read, and methods that do no harm.
_HARMLESS_METHODS = frozenset({"close", "drain", "connect", "jetstream", "jsm"})


class Calls(Acquiring):
    """Lowers the calls of one scope."""

    def call(self, node: ast.Call, *, awaited: bool) -> Place | None:
        """Lower a call: the place that holds its result."""
        function = node.func
        name = self.context.names.resolve(function, self.scope)
        own = self.context.names.own_function(function, self.scope)
        if flavour := self.acquires(name, own, awaited):
            return self.acquire(node, flavour, own)
        if isinstance(function, ast.Attribute) and function.attr == "connect":
            client = dotted(function.value)
            fresh_client = self.context.is_client(function.value, self.scope)
            if awaited and client is not None:
                if self.context.holds_client(client, self.scope):
                    return self.connect_client(node, client)
            elif awaited and fresh_client:
                return self.connect_client(node, None)
        last = function.attr if isinstance(function, ast.Attribute) else ""
        last = function.id if isinstance(function, ast.Name) else last
        if last in _PASSING and _runs_a_coroutine(node, last):
            return self._pass_through(node, last, awaited)
        return self._ordinary(node, name, own, last, awaited)

    # Passing through

    def _pass_through(self, node: ast.Call, last: str, awaited: bool) -> Place | None:
        self.discard(node.func)
        if last == "gather" and any(self.opens(argument) for argument in node.args):
            # What is gathered fails before any of it is at hand, as far as can be told.
            self.may_raise(node)
        outer = self.gathering, self.in_task, self.detached
        self.gathering = last == "gather"
        self.in_task = not awaited and last in ("create_task", "ensure_future")
        self.detached = self.in_task and not self.awaited_tasks.include(node, self.statement)
        places = [self.value(argument, awaited=True) for argument in arguments_of(node)]
        if last == "gather":
            places = [self.finished(place) if place in self.tasks else place for place in places]
        self.gathering, self.in_task, self.detached = outer
        fresh = any(place in self.fresh for place in places if place is not None)
        if not awaited and not fresh and not cannot_raise(node):
            self.may_raise(node, cancel=last in ("run", "run_until_complete"))
        if last != "gather":
            if last in _STARTING and not awaited and places and places[0] in self.acquired:
                self.tasks.add(places[0])
            return places[0] if places and not self._is_closure(places[0], node) else None
        if not any(places):
            return None
        if len(places) == 1 and isinstance(node.args[0], ast.Starred):
            return places[0]
        result = self.temporary(self.statement.end_lineno or node.lineno)
        for place in places:
            if place is not None:
                self.emit(Wrap(result, place, node))
        self.parts[result] = places
        if fresh:
            self.fresh.add(result)
        return result

    # Everything else

    def _ordinary(
        self, node: ast.Call, name: str | None, own: Function | None, last: str, awaited: bool
    ) -> Place | None:
        function = node.func
        receiver: Place | None = None
        if isinstance(function, ast.Attribute):
            receiver = self.value(function.value)
        elif isinstance(function, ast.Name):
            self.mention(function.id, function.lineno)
        else:
            self.discard(function)
        vocabulary = self.context.vocabulary
        result: Place | None = None
        if receiver is not None and last in CLOSING_METHODS and not node.args:
            method: ReleaseMethod = "close" if last == "close" else "drain"
            idle = isinstance(self.statement, ast.Expr) and self.statement.value is node
            self.emit(Close(receiver, self._release(node, method), self.in_task, idle))
        elif name is not None and vocabulary.closes(name):
            self._close_by_helper(node)
        elif isinstance(function, ast.Attribute) and last in DERIVING_METHODS and receiver:
            result = self._derive(node, receiver, function.value, DERIVING_METHODS[last])
        elif self._derives(name, last) and (given := next(arguments_of(node), None)) is not None:
            source = self.value(given)
            if source is not None:
                result = self._derive(node, source, given, "jetstream")
        elif last in _STACK_METHODS and node.args:
            result = self._enter_stack(node)
        elif (
            isinstance(function, ast.Attribute)
            and receiver is not None
            and last in _CONTAINER_METHODS
        ):
            self.emit(Use(receiver, function.value, awaited and not self.expecting))
            self._put_into(node, receiver, awaited)
        elif name is not None and name.startswith("nats.") and node.args:
            result = self._lend(node)
        else:
            result = self._unknown(node, own, last, receiver, awaited)
        if not awaited and not cannot_raise(node) and result not in self.fresh:
            self.may_raise(node)
        return result

    def _lend(self, node: ast.Call) -> Place | None:
        """What nats-py makes around a connection (``add_service``, ``Msg``) never closes it."""
        result: Place | None = None
        for argument in arguments_of(node):
            place = self.value(argument)
            if place in self.closures:
                continue
            if place is not None and result is None:
                result = self._derive(node, place, argument, "other")
            elif place is not None:
                self.emit(Use(place, argument))
        return result

    def _put_into(self, node: ast.Call, container: Place, awaited: bool) -> None:
        for argument in arguments_of(node):
            place = self.value(argument, awaited=awaited)
            if place in self.closures or _is_closer(argument):
                self._hand(argument, place, node, container, keeps=True)
            else:
                self.keep_in(container, place, node)

    def _close_by_helper(self, node: ast.Call) -> None:
        arguments = list(arguments_of(node))
        release = self._release(node, "helper")
        source = self.value(arguments[0]) if arguments else None
        self.emit(Close(source, release))
        self.graph.last_url_close = max(self.graph.last_url_close, node.lineno)

    def _release(self, node: ast.Call, method: ReleaseMethod) -> Release:
        if node not in self._releases:
            self._releases[node] = Release(
                node, self.statement, method, in_finally=self.finally_depth > 0
            )
        return self._releases[node]

    def _derives(self, name: str | None, last: str) -> bool:
        if name is not None and self.context.vocabulary.derives_jetstream(name):
            return True
        return last == "JetStreamContext"

    def _derive(
        self, node: ast.Call, source: Place, source_node: ast.expr, kind: HandleKind
    ) -> Place:
        bucket: ast.expr | None = None
        rest = [argument for argument in arguments_of(node) if argument is not source_node]
        if kind == "kv":
            named = [keyword.value for keyword in node.keywords if keyword.arg == "bucket"]
            bucket = next(iter([*node.args, *named]), None)
        for argument in rest:
            place = self.value(argument)
            if place is not None and place not in self.closures:
                self._hand(argument, place, node, source, keeps=False)
        if node not in self._derived:
            parent = None if source.startswith("%") else source
            self._derived[node] = Derived(kind, None, node, self.statement, parent, bucket)
        place = self.temporary(self.statement.end_lineno or node.lineno)
        derived = self._derived[node]
        live = kind != "jetstream" and not self.expecting
        self.emit(Derive(place, source, derived, source_node, live))
        self.derivations[place] = derived
        return place

    def _enter_stack(self, node: ast.Call) -> Place | None:
        place = self.value(node.args[0], awaited=True)
        for argument in node.args[1:]:
            self.discard(argument)
        if place is not None:
            self.emit(Manage(place))
            self.fresh.add(place)
        return place

    def _unknown(
        self,
        node: ast.Call,
        own: Function | None,
        last: str,
        receiver: Place | None,
        awaited: bool,
    ) -> Place | None:
        function = node.func
        if last == "result" and receiver in self.tasks:
            for argument in arguments_of(node):
                self.discard(argument)
            return self.finished(receiver)
        if receiver is not None and isinstance(function, ast.Attribute):
            live = awaited and not self.expecting and last not in _HARMLESS_METHODS
            self.emit(Use(receiver, function.value, live))
        if isinstance(function, ast.Name) and function.id in self.closures:
            for closed in self.closures[function.id].closes:
                self.emit(Close(closed, self._release(node, "helper")))
        if isinstance(function, ast.Name) and function.id in self.closers:
            closed = self.closers[function.id]
            self.mention(closed.partition(".")[0], node.lineno)
            self.emit(Close(closed, self._release(node, "helper")))
        if isinstance(function, ast.Name) and last == "getattr" and len(node.args) > 1:
            return self._looked_up(node)
        constructs = last.lstrip("_")[:1].isupper()
        result: Place | None = None
        for argument in arguments_of(node):
            place = self.value(argument, awaited=awaited)
            if place is None:
                continue
            if isinstance(function, ast.Name) and last in _CONTAINERS and not awaited:
                result = result or self.temporary(self.statement.end_lineno or node.lineno)
                self.emit(Wrap(result, place, node))
                continue
            if place in self.fresh:
                result = place  # a wrapper of somebody's around the acquiring call
                continue
            fate = None if _is_closer(argument) else self._fate(own, node, argument)
            if (fate is not None and fate.closes) or (
                own is None and _says_close(node, last, awaited)
            ):
                self.emit(Close(place, self._release(node, "helper")))
            elif fate is not None and fate.derives:
                result = self._derive(node, place, argument, fate.derives)
            elif fate is not None and not fate.keeps:
                self.emit(Use(place, argument))
            else:
                keeps = constructs or self._may_keep(last, receiver, awaited, node)
                self._hand(argument, place, node, receiver, keeps=keeps)
                if keeps and not awaited:
                    result = result or self.temporary(self.statement.end_lineno or node.lineno)
                    self.emit(Wrap(result, place, node))
        if last == "result" and receiver is not None and not node.args:
            return receiver
        return result

    def _looked_up(self, node: ast.Call) -> Place | None:
        """``getattr(nc, "close", None)`` is the attribute; nobody knows which one without a name."""
        owner, name = node.args[:2]
        place = self.value(owner)
        for argument in node.args[1:]:
            self.discard(argument)
        if place is None:
            return None
        if not isinstance(name, ast.Constant):
            self.emit(Hand(place, node))
            return None
        self.emit(Use(place, owner))
        return f"{place}.{name.value}" if name.value in CLOSING_METHODS else None

    def _may_keep(self, last: str, receiver: Place | None, awaited: bool, node: ast.Call) -> bool:
        if last in _HANDING_METHODS and isinstance(node.func, ast.Attribute):
            return True
        if cannot_raise(node) or last.startswith("assert"):
            return False
        words = last.lower().lstrip("_").split("_")
        if not awaited or self.detached:
            return True
        return receiver is not None or any(word in _KEEPING_WORDS for word in words)

    def _hand(
        self,
        argument: ast.expr,
        place: Place | None,
        node: ast.Call,
        receiver: Place | None,
        *,
        keeps: bool,
    ) -> None:
        if place is None:
            return
        if place in self.closures:
            self.closures[place].escapes.append((node, receiver))
        elif _is_closer(argument):
            self.emit(Hand(place.rpartition(".")[0], node, receiver, closer=True))
        elif keeps:
            self.emit(Hand(place, argument, receiver))
        else:
            self.emit(Use(place, argument))

    def _is_closure(self, place: Place | None, node: ast.Call) -> bool:
        if place is None or place not in self.closures:
            return False
        self.closures[place].escapes.append((node, None))
        return True

    def _fate(
        self, own: Function | None, node: ast.Call, argument: ast.expr
    ) -> ParameterFate | None:
        if own is None or self.context.fate_of is None:
            return None
        parameter = parameter_for(own, node, argument)
        return self.context.fate_of(own, parameter) if parameter is not None else None


def parameter_for(function: Function, call: ast.Call, argument: ast.expr) -> str | None:
    """The name of the parameter that an argument of a call goes to, None when it is not plain."""
    for keyword in call.keywords:
        if keyword.value is argument:
            return keyword.arg
    if any(isinstance(item, ast.Starred) for item in call.args) or argument not in call.args:
        return None
    positional = [*function.args.posonlyargs, *function.args.args]
    if isinstance(call.func, ast.Attribute) and positional and positional[0].arg in ("self", "cls"):
        positional = positional[1:]
    index = call.args.index(argument)
    return positional[index].arg if index < len(positional) else None


def _runs_a_coroutine(node: ast.Call, last: str) -> bool:
    """Whether a call such as ``asyncio.run(main())`` is given a coroutine; `app.run(nc)` is not."""
    if last not in ("run", "run_sync", "syncify"):
        return True
    return bool(node.args) and isinstance(node.args[0], ast.Call)


def _says_close(node: ast.Call, last: str, awaited: bool) -> bool:
    """Whether a function of elsewhere closes its one argument by its name: ``close_bus(nc)``."""
    first = last.lstrip("_").partition("_")[0]
    return awaited and first in _CLOSING_WORDS and len(node.args) == 1


def _is_closer(argument: ast.expr) -> bool:
    """Whether an argument is a bound method that closes: ``stack.push_async_callback(nc.close)``."""
    return isinstance(argument, ast.Attribute) and argument.attr in CLOSING_METHODS
