"""Closes: done by both functions at once, or by one of them earlier than by the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flake8_naq.migrate.prove import axioms
from flake8_naq.migrate.prove.nodes import CANCEL, ERROR, Node, forced
from flake8_naq.migrate.prove.pairs import (
    RAISING,
    Debt,
    Next,
    Pair,
    UnequalError,
    Verdict,
    moved,
    one_side,
)
from flake8_naq.migrate.prove.path_state import (
    CLOSED,
    DIALED,
    DRAINED,
    ENDED,
    OPEN,
    UNCONNECTED,
    UNDRAINED,
    UNSET,
    PathState,
    Spot,
    opened,
)
from flake8_naq.migrate.prove.reach import Reach

_EXPLICIT = frozenset({"close", "helper", "pooled", "drain"})
_CALLBACKS = "its callbacks run at the close"


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """The facts about a connection.

    Attributes:
        quiet: Whether no callback of the program runs when it closes.
        kind: The kind that its opener returns.
    """

    quiet: bool = True
    kind: str = "client"


class Closes:
    """The closes of one walk.

    Attributes:
        known: The connections opened so far.
    """

    def __init__(self, reach: Reach, verdict: Verdict) -> None:
        self._calm = not reach.at_work
        self._escaped = reach.escaped
        self._verdict = verdict
        self._closing: dict[tuple[int, str, tuple[str, ...]], bool] = {}
        self.known: dict[str, ConnectionFacts] = {}

    def _of(self, spot: Spot) -> ConnectionFacts:
        return self.known.get(spot.connection, ConnectionFacts())

    # -- debts

    def pay(self, a: Spot, b: Spot, pair: Pair) -> Next | None:
        """The successors of a close that one side owes; None where that side is not at a close."""
        for side, spot in ((0, a), (1, b)):
            debt = _debt(spot, side, pair.debts)
            if debt is None:
                continue
            ways = (debt.way, spot.way) if side else (spot.way, debt.way)
            self._hold_closers(*ways, self._of(spot))
            paid = moved(spot, debt.outcome, CLOSED)
            assert paid is not None
            pair = pair._replace(debts=pair.debts - {debt})
            return debt.outcome, one_side(side, paid, a, b, pair)
        return None

    def owe(self, a: Spot, b: Spot, side: int, pair: Pair) -> Iterator[Next]:
        """One side closes; the other (``side``) then owes the close."""
        spot = b if side == 0 else a
        if not self._of(spot).quiet:
            raise UnequalError(_CALLBACKS)
        others = [debt for debt in pair.debts if debt.connection != spot.connection]
        if others and not self._calm:
            raise UnequalError("its subscriptions are at work until then")
        swapped = others or a.op == b.op == "close"
        self._verdict.axioms.add(axioms.CLOSES_SWAPPED if swapped else axioms.RUNS_AFTER_CLOSE)
        for edge in ("ok", CANCEL):
            closed = moved(spot, edge, CLOSED)
            if closed is not None:
                debt = Debt(side, spot.connection, edge, spot.way)
                owing = pair._replace(debts=pair.debts | {debt})
                yield edge, one_side(1 - side, closed, a, b, owing)

    # -- closes that raise

    def raising(self, a: Spot, b: Spot, pair: Pair) -> Next:
        """The successors of a close of an unbound name, or of a client that never connected.

        Raises:
            UnequalError: Only one function raises there.
        """
        ways = {a.way, b.way}
        if ways <= {UNSET, UNCONNECTED}:
            if len(ways) > 1:
                self._verdict.axioms.add(axioms.NEVER_CONNECTED)
            before, after = ((spot.node.edges[ERROR], _failed(spot)) for spot in (a, b))
            return ERROR, pair._replace(before=before, after=after)
        if a.way != UNSET:
            raise UnequalError("the client is not connected there")
        self._verdict.axioms.add(axioms.NEVER_BOUND)
        return "ok", one_side(0, (a.node.edges["ok"], a.state), a, b, pair)

    # -- both, or the function after alone

    def both(self, a: Spot, b: Spot, pair: Pair) -> Iterator[Next]:
        """Both functions close the same connection."""
        connection = self._of(a)
        self._hold_closers(a.way, b.way, connection)
        if pair.debts and not (connection.quiet and self._calm):
            raise UnequalError(_CALLBACKS)
        if a.way == b.way and a.way.startswith("drain"):
            return self._drain_both(a, b, pair)
        if not connection.quiet:
            return _paired(a, b, pair, ("ok", CANCEL, ERROR))
        if a.way != b.way:
            self._verdict.axioms.add(axioms.CLOSE_FAILS)
        return (
            (edge, following._replace(cut=following.cut or edge == CANCEL))
            for edge, following in _paired(a, b, pair, ("ok", CANCEL))
        )

    def _drain_both(self, a: Spot, b: Spot, pair: Pair) -> Iterator[Next]:
        yield from _paired(a, b, pair, ("ok",))
        # A drain that fails leaves the connection open; a close then has something to do.
        left = DRAINED if self._of(a).quiet else OPEN
        status = a.state.status(a.connection)
        if status in (CLOSED, ENDED):
            left = status
        elif status in (DIALED, UNDRAINED):
            left = UNDRAINED
        yield from _paired(a, b, pair, (CANCEL, ERROR), left)

    def early(self, a: Spot, b: Spot, pair: Pair) -> Iterator[Next]:
        """The function after closes; the one before closes later, or never."""
        if self._will_close(a, b.connection):
            yield from self.owe(a, b, 0, pair)
            return
        status = b.state.status(b.connection)
        if status == DIALED or (status == UNDRAINED and a.op != "end"):
            # Before nats-py 2.15, the close of a client that failed to connect raises.
            raise UnequalError("the client may not be connected there")
        leaving = b.node.detail[2]
        if leaving not in RAISING and not (a.op == "end" and a.node.key in RAISING):
            raise UnequalError("it was left open there")
        if a.op != "end":
            if not self._of(b).quiet:
                raise UnequalError(_CALLBACKS)
            if not self._calm:
                raise UnequalError("its subscriptions were at work")
            if self._escaped:
                raise UnequalError("other code may still use it")
            self._verdict.closed_before.add(a.node.line)
        self._verdict.axioms.add(axioms.CLOSED_ON_ERROR)
        closed = moved(b, "ok", ENDED)
        assert closed is not None
        yield "ok", one_side(1, closed, a, b, pair)

    def _will_close(self, spot: Spot, connection: str) -> bool:
        """Whether the function before may still close a connection."""
        names = tuple(
            name for name, value in spot.state.names if value == ("connection", connection)
        )
        key = (id(spot.node), connection, names)
        if key not in self._closing:
            self._closing[key] = _reaches_close(spot.node, connection, names)
        return self._closing[key]

    def _hold_closers(self, before: str, after: str, connection: ConnectionFacts) -> None:
        """Check that the close after is equivalent to the close before."""
        if before == after:
            return
        if {before, after} == {"close", "block"} and connection.kind != "declared":
            self._verdict.axioms.add(axioms.CLIENT_AS_MANAGER)
        elif before in _EXPLICIT and after == "exclusive":
            self._verdict.axioms.add(axioms.MANAGERS)
        else:
            raise UnequalError("the block closes it in another way")


def _failed(spot: Spot) -> PathState:
    """The state after a close that raises: unlike a drain, it marks the client as closed."""
    left = UNDRAINED if spot.node.detail[1] == "drain" else CLOSED
    return spot.state.set(spot.connection, left) if spot.connection else spot.state


def _paired(
    a: Spot, b: Spot, pair: Pair, edges: tuple[str, ...], status: str = CLOSED
) -> Iterator[Next]:
    """Both sides after the same outcome of their close."""
    for edge in edges:
        before, after = moved(a, edge, status), moved(b, edge, status)
        if before is not None and after is not None:
            yield edge, pair._replace(before=before, after=after)


def _debt(spot: Spot, side: int, debts: frozenset[Debt]) -> Debt | None:
    if spot.op == "close":
        for debt in debts:
            if debt.side == side and debt.connection == spot.connection:
                return debt
    return None


def _reaches_close(start: Node, connection: str, names: tuple[str, ...]) -> bool:
    stack, seen = [start], {id(start)}
    while stack:
        node = forced(stack.pop())
        if node.op == "close" and (node.detail[0] in names or not node.detail[0]):
            return True
        if node.op == "connect" and opened(node) == connection and node is not start:
            continue
        for following in node.edges.values():
            if id(following) not in seen:
                seen.add(id(following))
                stack.append(following)
    return False
