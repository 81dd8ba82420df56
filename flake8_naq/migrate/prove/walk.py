"""Walks the graphs of a function before and after side by side, and holds their atoms together."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from flake8_naq.migrate.prove import axioms
from flake8_naq.migrate.prove.axioms import Axiom
from flake8_naq.migrate.prove.difference import Difference, Step, describe
from flake8_naq.migrate.prove.nodes import CANCEL, ERROR, Node, forced
from flake8_naq.migrate.prove.reach import Reach
from flake8_naq.migrate.prove.state import (
    CLOSED,
    DRAINED,
    ENDED,
    OPEN,
    Settler,
    Spot,
    State,
    opened,
)

# More pairs than this are more paths than a proof should take.
_MOST = 40_000
_RAISING = frozenset({ERROR, CANCEL})
_LATER = "it runs after the close, no longer before"
_SOONER = "it ran after the close, now it runs before"
_EXPLICIT = frozenset({"close", "helper", "pooled", "drain"})


class Debt(NamedTuple):
    """A close that one side has done and the other has yet to do.

    Attributes:
        side: Who owes it: 0 the function before, 1 the one after.
        connection: The connection.
        outcome: How the close went.
        way: How it was closed.
    """

    side: int
    connection: str
    outcome: str
    way: str


class Pair(NamedTuple):
    """Where both functions are on a path.

    Attributes:
        before: The node and the state of the function before.
        after: The same of the one after.
        debts: Closes that one side has yet to do.
        cut: Whether a close was cancelled on this path.
    """

    before: tuple[Node, State]
    after: tuple[Node, State]
    debts: frozenset[Debt] = frozenset()
    cut: bool = False


# Where a pair leads: by which edge, and from which atom.
Next: TypeAlias = tuple[str, Pair]


@dataclass(frozen=True, slots=True)
class _Connection:
    quiet: bool
    kind: str


@dataclass
class Verdict:
    """What a walk finds.

    Attributes:
        difference: The first difference, None where there is none.
        axioms: The axioms that it needed.
        closed_before: Lines of clauses before which a path now closes what it left open.
        pairs: How many pairs it took.
    """

    difference: Difference | None = None
    axioms: set[Axiom] = field(default_factory=set)
    closed_before: set[int] = field(default_factory=set)
    pairs: int = 0


class _UnequalError(Exception):
    """The two functions differ here."""

    def __init__(self, why: str = "") -> None:
        super().__init__(why)
        self.why = why


class Walk:
    """One walk over two graphs."""

    def __init__(self, reach: Reach, captured: frozenset[str]) -> None:
        self._reach = reach
        self._captured = captured
        self._calm = not reach.at_work
        self._leased: set[str] = set()
        self._known: dict[str, _Connection] = {}
        self._settler = Settler(self._leased)
        self._closing: dict[tuple[int, str, tuple[str, ...]], bool] = {}
        self.verdict = Verdict()

    def run(self, before: tuple[Node, State], after: tuple[Node, State]) -> Verdict:
        """Walk from the entries of both functions."""
        first = Pair(before, after)
        seen: dict[tuple[object, ...], Step | None] = {_key(first): None}
        waiting = deque([(first, _key(first))])
        while waiting:
            pair, key = waiting.popleft()
            a, b = self._settler.settle(*pair.before), self._settler.settle(*pair.after)
            try:
                for edge, following in self._next(a, b, pair):
                    found = _key(following)
                    if found not in seen:
                        seen[found] = Step(key, a.node, edge)
                        waiting.append((following, found))
            except _UnequalError as unequal:
                self.verdict.difference = describe(a, b, _trail(seen, key), unequal.why)
                break
            if len(seen) > _MOST:
                self.verdict.difference = Difference(("it has too many paths to prove",))
                break
        self.verdict.pairs = len(seen)
        if self._settler.never_bound:
            self.verdict.axioms.add(axioms.NEVER_BOUND)
        return self.verdict

    # -- one step

    def _next(self, a: Spot, b: Spot, pair: Pair) -> Iterator[Next]:
        debts, cut = pair.debts, pair.cut
        for side, spot in ((0, a), (1, b)):
            debt = self._debt(spot, side, debts)
            if debt is not None:
                yield self._pay(debt, a, b, pair)
                return
        if a.op == b.op == "close" and a.connection == b.connection:
            yield from self._close_both(a, b, pair)
        elif _same(a, b):
            yield from self._both(a, b, pair)
        elif "asks" in (a.op, b.op):
            yield from self._ask(a, b, debts, cut)
        elif a.op == "close":
            yield from self._owe(a, b, 1, pair)
        elif b.op == "close":
            yield from self._close_early(a, b, pair)
        elif cut or any(debt.outcome == CANCEL for debt in debts):
            yield from self._alone(a, b, pair)
        else:
            raise _UnequalError

    def _debt(self, spot: Spot, side: int, debts: frozenset[Debt]) -> Debt | None:
        if spot.op != "close":
            return None
        for debt in debts:
            if debt.side == side and debt.connection == spot.connection:
                ways = (spot.way, debt.way) if side == 0 else (debt.way, spot.way)
                self._hold_closers(*ways, spot.connection)
                return debt
        return None

    def _pay(self, debt: Debt, a: Spot, b: Spot, pair: Pair) -> Next:
        spot = b if debt.side else a
        paid = _moved(spot, debt.outcome, CLOSED)
        assert paid is not None
        sides = ((a.node, a.state), paid) if debt.side else (paid, (b.node, b.state))
        return debt.outcome, Pair(*sides, pair.debts - {debt}, pair.cut)

    # -- closes

    def _close_both(self, a: Spot, b: Spot, pair: Pair) -> Iterator[Next]:
        self._hold_closers(a.way, b.way, a.connection)
        known = self._known.get(a.connection)
        quiet = known is None or known.quiet
        if pair.debts and not (quiet and self._calm):
            raise _UnequalError("its callbacks run at the close")
        drains = a.way == b.way == "drain"
        failed = (DRAINED if quiet else OPEN) if drains else CLOSED
        edges = ["ok", CANCEL]
        if drains or not quiet:
            edges.append(ERROR)
        elif a.way != b.way:
            self.verdict.axioms.add(axioms.CLOSE_FAILS)
        for edge in edges:
            # A drain that fails leaves the connection open.
            left = CLOSED if edge == "ok" else failed
            before, after = _moved(a, edge, left), _moved(b, edge, left)
            if before is not None and after is not None:
                cut = pair.cut or (edge == CANCEL and quiet and not drains)
                yield edge, Pair(before, after, pair.debts, cut)

    def _owe(self, a: Spot, b: Spot, side: int, pair: Pair) -> Iterator[Next]:
        """One side closes, the other has to do it later."""
        spot = b if side == 0 else a
        known = self._known.get(spot.connection)
        if known is not None and not known.quiet:
            raise _UnequalError("its callbacks run at the close")
        others = [debt for debt in pair.debts if debt.connection != spot.connection]
        if others and not self._calm:
            raise _UnequalError("its subscriptions are at work until then")
        self.verdict.axioms.add(axioms.CLOSES_SWAPPED if others else axioms.RUNS_AFTER_CLOSE)
        for edge in ("ok", CANCEL):
            moved = _moved(spot, edge, CLOSED)
            if moved is not None:
                debt = Debt(side, spot.connection, edge, spot.way)
                sides = (moved, (b.node, b.state)) if side else ((a.node, a.state), moved)
                yield edge, Pair(*sides, pair.debts | {debt}, pair.cut)

    def _close_early(self, a: Spot, b: Spot, pair: Pair) -> Iterator[Next]:
        """The function after closes, the one before is not there, or never closes."""
        if self._will_close(a, b.connection):
            yield from self._owe(a, b, 0, pair)
            return
        leaving = b.node.detail[2]
        if leaving not in _RAISING and not (a.op == "end" and a.node.key in _RAISING):
            raise _UnequalError("it was left open there")
        known = self._known.get(b.connection)
        if a.op != "end":
            if known is not None and not known.quiet:
                raise _UnequalError("its callbacks run at the close")
            if not self._calm:
                raise _UnequalError("its subscriptions were at work")
            self.verdict.closed_before.add(a.node.line)
        self.verdict.axioms.add(axioms.CLOSED_ON_ERROR)
        moved = _moved(b, "ok", ENDED)
        assert moved is not None
        yield "ok", Pair((a.node, a.state), moved, pair.debts, pair.cut)

    def _will_close(self, spot: Spot, connection: str) -> bool:
        """Whether the function before may still close a connection."""
        names = tuple(
            name for name, value in spot.state.names if value == ("connection", connection)
        )
        key = (id(spot.node), connection, names)
        if key not in self._closing:
            self._closing[key] = _reaches_close(spot.node, connection, names)
        return self._closing[key]

    def _hold_closers(self, before: str, after: str, connection: str) -> None:
        """The closer after must do what the one before did."""
        if before == after:
            return
        known = self._known.get(connection)
        kind = known.kind if known else "client"
        if {before, after} == {"close", "block"} and kind != "declared":
            self.verdict.axioms.add(axioms.CLIENT_AS_MANAGER)
        elif before in _EXPLICIT and after == "exclusive":
            self.verdict.axioms.add(axioms.MANAGERS)
        else:
            raise _UnequalError("the block closes it in another way")

    # -- everything else

    def _both(self, a: Spot, b: Spot, pair: Pair) -> Iterator[Next]:
        debts = pair.debts
        if a.op == "end":
            self._hold_ends(a, b, debts)
            return
        self._hold_names(a, b)
        if debts and not self._reach.harmless(a.node):
            raise _UnequalError(
                "it runs after the close, no longer before" if _early(debts) else ""
            )
        if a.op == "connect":
            yield from self._connect(a, b, pair)
            return
        for edge in a.node.edges:
            if edge == "other" or edge not in b.node.edges:
                continue
            yield edge, Pair(_stepped(a, edge), _stepped(b, edge), debts, pair.cut)

    def _connect(self, a: Spot, b: Spot, pair: Pair) -> Iterator[Next]:
        kinds = a.node.detail[0], b.node.detail[0]
        if kinds[0] != kinds[1]:
            if kinds[0] != "helper" or kinds[1] not in ("lease", "exclusive"):
                raise _UnequalError
            self.verdict.axioms.add(axioms.MANAGERS)
        connection = opened(a.node)
        self._known[connection] = _Connection(bool(a.node.detail[1]), kinds[0])
        if kinds[1] == "lease":
            self._leased.add(connection)
        if opened(b.node) != connection and len(a.node.detail) > 2:
            self.verdict.axioms.add(axioms.MADE_FIRST)
        ok = [
            (spot.node.edges["ok"], spot.state.set(connection, OPEN)._replace(last=connection))
            for spot in (a, b)
        ]
        yield "ok", Pair(ok[0], ok[1], pair.debts, pair.cut)
        for edge in (ERROR, CANCEL):
            before, after = a.goes(edge), b.goes(edge)
            assert before is not None
            assert after is not None
            yield edge, Pair(before, after, pair.debts, pair.cut)

    def _hold_names(self, a: Spot, b: Spot) -> None:
        """What both read has to be the same."""
        reads = a.node.reads | b.node.reads
        if a.node.waits or type(a.node.syntax).__name__ == "Call":
            reads |= self._captured
        for name in reads:
            before, after = a.state.value(name), b.state.value(name)
            if before != after:
                raise _UnequalError(f"`{name}` no longer holds the same value there")
            if isinstance(before, tuple):
                connection = before[1]
                # What ended a lease on the way out is a close for all who use it.
                if _ended(a.state.status(connection)) != _ended(b.state.status(connection)):
                    raise _UnequalError(f"`{name}` is closed already there, or not yet")

    def _hold_ends(self, a: Spot, b: Spot, debts: frozenset[Debt]) -> None:
        ways = a.node.key, b.node.key
        raising = ways[0] in _RAISING
        for debt in debts:
            if debt.side == 1:
                raise _UnequalError("the connection stays open")
            if not raising:
                raise _UnequalError("it was left open there")
            self.verdict.axioms.add(axioms.CLOSED_ON_ERROR)
        if ways[0] != ways[1] and not _both_none(a, b):
            raise _UnequalError
        if ways == ("return", "return") and a.state.result[0] != b.state.result[0]:
            raise _UnequalError("it returns another value")
        for connection, status in a.state.connections:
            now = b.state.status(connection)
            if status == OPEN and now in (CLOSED, DRAINED) and not raising:
                raise _UnequalError("it was left open there")
            if status in (CLOSED, DRAINED) and now == OPEN:
                raise _UnequalError("the connection stays open")

    def _ask(self, a: Spot, b: Spot, debts: frozenset[Debt], cut: bool) -> Iterator[Next]:
        """A test that only asks whether the connection is closed, on one side."""
        self.verdict.axioms.add(axioms.CLOSED_TWICE)
        side = 0 if a.op == "asks" else 1
        spot = b if side else a
        for edge in ("true", "false"):
            states = [a.state, b.state]
            if edge == "true":
                states = [state.set(spot.connection, CLOSED) for state in states]
            nodes = [a.node, b.node]
            nodes[side] = spot.node.edges[edge]
            yield edge, Pair((nodes[0], states[0]), (nodes[1], states[1]), debts, cut)

    def _alone(self, a: Spot, b: Spot, pair: Pair) -> Iterator[Next]:
        """On a path on which a close was cancelled, one side does what the other skips."""
        debtors = {debt.side for debt in pair.debts if debt.outcome == CANCEL}
        for side, spot in ((0, a), (1, b)):
            free = side in debtors and self._reach.harmless(spot.node)
            if spot.op == "end" or not (free or (pair.cut and side == 1)):
                continue
            self.verdict.axioms.add(axioms.RUNS_AFTER_CLOSE if free else axioms.CLOSE_FAILS)
            for edge in spot.node.edges:
                if edge in _RAISING or edge == "other":
                    continue
                moved = _stepped(spot, edge)
                sides = ((a.node, a.state), moved) if side else (moved, (b.node, b.state))
                yield edge, Pair(*sides, pair.debts, pair.cut)
            return
        raise _UnequalError


def _key(pair: Pair) -> tuple[object, ...]:
    (a, first), (b, second) = pair.before, pair.after
    return id(a), first, id(b), second, pair.debts, pair.cut


def _trail(seen: dict[tuple[object, ...], Step | None], key: tuple[object, ...]) -> list[Step]:
    trail: list[Step] = []
    step = seen[key]
    while step is not None:
        trail.append(step)
        step = seen[step.origin]
    return trail[::-1]


def _same(a: Spot, b: Spot) -> bool:
    if a.op != b.op or a.op == "close":
        return False
    if a.op == "end":
        return True
    return a.node.key == b.node.key and a.connection == b.connection


def _ended(status: str) -> str:
    return CLOSED if status == ENDED else status


def _early(debts: frozenset[Debt]) -> bool:
    return any(debt.side == 0 for debt in debts)


def _both_none(a: Spot, b: Spot) -> bool:
    """Whether both end by returning None, one of them by its last statement."""
    for one, other in ((a, b), (b, a)):
        if one.node.key == "ok" and other.node.key == "return":
            return other.state.result[0] == (("NoneType", "None"), ())
    return False


def _moved(spot: Spot, edge: str, status: str) -> tuple[Node, State] | None:
    """Where a close leads. The client is closed whatever its outcome."""
    following = spot.node.edges.get(edge)
    if following is None:
        return None
    # The pool's close goes on until nothing is open.
    again = spot.way == "pooled" and edge == "ok"
    return spot.node if again else following, spot.state.set(spot.connection, status)


def _stepped(spot: Spot, edge: str) -> tuple[Node, State]:
    """Where an atom leads, and what is known then."""
    node, state = spot.node, spot.state
    if node.op == "bucket" and edge == "ok" and node.detail[1]:
        state = state.bind(node.detail[1], ("bucket", spot.connection))
    if node.op == "asks" and edge == "true":
        state = state.set(spot.connection, CLOSED)
    result, reads = state.result
    if reads.intersection(node.detail) and node.op == "atom":
        state = state._replace(result=(("an earlier value", result), frozenset()))
    return node.edges[edge], state


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
