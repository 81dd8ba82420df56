"""Functions of the project that close the connection they are given, on every normal path."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from flake8_naq.migrate.prove.followed import Followed, followed
from flake8_naq.migrate.prove.meaning import Function, Meaning
from flake8_naq.migrate.prove.nodes import CANCEL, ERROR, Node
from flake8_naq.migrate.prove.obligations import patched
from flake8_naq.migrate.prove.pairs import stepped
from flake8_naq.migrate.prove.path_state import (
    CLOSED,
    DRAINED,
    OPEN,
    UNSET,
    PathState,
    Spot,
    UnobservedSteps,
)
from flake8_naq.migrate.prove.statement_lowering import StatementLowering

_GIVEN = "given"
_NORMAL = frozenset({"ok", "return"})
# A function with more states than this is longer than a closer is.
_MOST = 2_000


class ClosedBy(NamedTuple):
    """What an awaited call closes.

    Attributes:
        name: The variable that it is given.
        status: The connection afterwards, ``drained`` where a drain may have failed unnoticed.
    """

    name: str
    status: str


class ClosingFunctions:
    """Looks one level into the functions that are given a connection."""

    def __init__(self, meaning: Meaning, names: Followed) -> None:
        self._meaning = meaning
        self._names = names

    def closed_by(self, call: ast.Call) -> ClosedBy | None:
        """The connection that an awaited call closes on every normal path, None for none."""
        given = [*call.args, *(word.value for word in call.keywords)]
        handles = [
            value
            for value in given
            if isinstance(value, ast.Name) and value.id in self._names.handles
        ]
        starred = any(isinstance(value, ast.Starred) for value in call.args)
        if len(handles) != 1 or starred or any(word.arg is None for word in call.keywords):
            return None
        found = self._meaning.called(call.func)
        if found is None or not _is_plain(*found):
            return None
        inside, function = found
        parameter = _parameter(function, call, handles[0])
        status = _status(inside, function, parameter) if parameter else None
        return ClosedBy(handles[0].id, status) if status else None


def _is_plain(inside: Meaning, function: Function) -> bool:
    """Whether it is a coroutine of a module itself, neither a method nor a generator."""
    scope = inside.scope
    return (
        isinstance(function, ast.AsyncFunctionDef)
        and scope.parent is inside.module
        and not scope.yields
    )


def _parameter(function: Function, call: ast.Call, handle: ast.Name) -> str:
    """The parameter that gets the connection, empty where it cannot be seen."""
    for word in call.keywords:
        if word.value is handle:
            return word.arg or ""
    positional = [*function.args.posonlyargs, *function.args.args]
    index = call.args.index(handle)
    return positional[index].arg if index < len(positional) else ""


def _status(inside: Meaning, function: Function, parameter: str) -> str | None:
    """The connection at every normal end of a function that is given it; None where it may be open."""
    known = followed(inside.scope, inside, inside.module)
    if parameter in known.rebound or parameter not in known.parameters:
        return None
    names = replace(known, handles=known.handles | {parameter})
    if patched(inside, names) is not None:
        return None
    start = PathState(tuple((name, UNSET) for name in sorted(names.handles - names.parameters)))
    start = start.bind(parameter, ("connection", _GIVEN)).set(_GIVEN, OPEN)
    ends = set(_ends(StatementLowering(inside, names).function(function), start))
    if not ends or not ends <= {CLOSED, DRAINED}:
        return None
    return DRAINED if DRAINED in ends else CLOSED


def _ends(entry: Node, start: PathState) -> Iterator[str]:
    """The states of the connection at the normal ends."""
    steps = UnobservedSteps(frozenset(), set(), set(), set())
    waiting, seen = [(entry, start)], set[tuple[int, PathState]]()
    while waiting:
        spot = steps.next_spot(*waiting.pop())
        if spot.op == "end":
            if spot.node.key in _NORMAL:
                yield spot.state.status(_GIVEN)
            continue
        if len(seen) > _MOST or _opens_again(spot):
            yield OPEN
            return
        for edge in spot.node.edges:
            following = _after(spot, edge)
            key = (id(following[0]), following[1])
            if edge != "other" and key not in seen:
                seen.add(key)
                waiting.append(following)


def _opens_again(spot: Spot) -> bool:
    """Whether a client that was made, or given, connects."""
    return spot.op == "connect" and len(spot.node.detail) > 2


def _after(spot: Spot, edge: str) -> tuple[Node, PathState]:
    if spot.op != "close":
        return stepped(spot, edge)
    failed = edge in (ERROR, CANCEL) and spot.node.detail[1] == "drain"
    return spot.node.edges[edge], spot.state.set(spot.connection, DRAINED if failed else CLOSED)
