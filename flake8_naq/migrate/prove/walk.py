"""Walks the graphs of a function before and after side by side, and compares their atoms."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from flake8_naq.migrate.prove import axioms
from flake8_naq.migrate.prove.agreement import (
    hides_cancellation,
    hold_connections,
    hold_ends,
    hold_names,
    hold_unconnected,
)
from flake8_naq.migrate.prove.closes import Closes, ConnectionFacts
from flake8_naq.migrate.prove.difference import Difference, Step, describe
from flake8_naq.migrate.prove.nodes import CANCEL, ERROR, Node
from flake8_naq.migrate.prove.pairs import (
    RAISING,
    Debt,
    Next,
    Pair,
    UnequalError,
    Verdict,
    one_side,
    stepped,
)
from flake8_naq.migrate.prove.path_state import (
    CLOSED,
    OPEN,
    UNCONNECTED,
    UNSET,
    PathState,
    Spot,
    UnobservedSteps,
    dialed,
    opened,
)
from flake8_naq.migrate.prove.reach import Reach

# A limit on the cost of a proof.
_MOST = 40_000
_LATER = "it runs after the close, no longer before"
_SOONER = "it ran after the close, now it runs before"


class Walk:
    """One walk over two graphs."""

    def __init__(self, reach: Reach, captured: frozenset[str]) -> None:
        self._reach = reach
        self._captured = captured
        self._leased: set[str] = set()
        self._loud: set[str] = set()
        self.verdict = Verdict()
        self._unobserved = UnobservedSteps(captured, self._leased, self._loud, self.verdict.axioms)
        self._closes = Closes(reach, self.verdict)

    def run(self, before: tuple[Node, PathState], after: tuple[Node, PathState]) -> Verdict:
        """Walk from the entries of both functions."""
        first = Pair(before, after)
        seen: dict[tuple[object, ...], Step | None] = {_key(first): None}
        waiting = deque([(first, _key(first))])
        while waiting:
            pair, key = waiting.popleft()
            a = self._unobserved.next_spot(*pair.before)
            b = self._unobserved.next_spot(*pair.after)
            try:
                for edge, following in self._next(a, b, pair):
                    found = _key(following)
                    if found not in seen:
                        seen[found] = Step(key, a.node, edge)
                        waiting.append((following, found))
            except UnequalError as unequal:
                self.verdict.difference = describe(a, b, _trail(seen, key), unequal.why)
                break
            if len(seen) > _MOST:
                self.verdict.difference = Difference(("it has too many paths to prove",))
                break
        self.verdict.pairs = len(seen)
        return self.verdict

    # -- one step

    def _next(self, a: Spot, b: Spot, pair: Pair) -> Iterator[Next]:
        if not {UNSET, UNCONNECTED}.isdisjoint((a.way, b.way)):
            yield self._closes.raising(a, b, pair)
            return
        paid = self._closes.pay(a, b, pair)
        if paid is not None:
            yield paid
        elif a.op == b.op == "close" and a.connection == b.connection:
            yield from self._closes.both(a, b, pair)
        elif a.op == b.op == "end":
            hold_ends(a, b, pair.debts)
            if hides_cancellation(a, b):
                self.verdict.axioms.add(axioms.NEVER_BOUND)
            if pair.debts:
                self.verdict.axioms.add(axioms.CLOSED_ON_ERROR)
        elif _same(a, b):
            yield from self._both(a, b, pair)
        elif "asks" in (a.op, b.op):
            yield from self._ask(a, b, pair)
        elif a.op == "close":
            yield from self._closes.owe(a, b, 1, pair)
        elif b.op == "close":
            yield from self._closes.early(a, b, pair)
        else:
            yield from self._alone(a, b, pair)

    def _both(self, a: Spot, b: Spot, pair: Pair) -> Iterator[Next]:
        """The same effect in both."""
        hold_names(a, b, self._captured)
        if self._reach.tainted(a.node):
            hold_connections(a, b)
        if pair.debts and not self._reach.harmless(a.node):
            raise UnequalError(_LATER if _early(pair.debts) else _SOONER)
        if a.op == "connect":
            yield from self._connect(a, b, pair)
            return
        for edge in a.node.edges:
            if edge != "other" and edge in b.node.edges:
                yield edge, pair._replace(before=stepped(a, edge), after=stepped(b, edge))

    def _connect(self, a: Spot, b: Spot, pair: Pair) -> Iterator[Next]:
        kinds = a.node.detail[0], b.node.detail[0]
        if kinds[0] != kinds[1]:
            if kinds[0] != "helper" or kinds[1] not in ("lease", "exclusive"):
                raise UnequalError
            self.verdict.axioms.add(axioms.MANAGERS)
        connection = opened(a.node)
        hold_unconnected(a, b)
        self._closes.known[connection] = ConnectionFacts(bool(a.node.detail[1]), kinds[0])
        if not a.node.detail[1]:
            self._loud.add(connection)
        if kinds[1] == "lease":
            self._leased.add(connection)
        if opened(b.node) != connection and len(a.node.detail) > 2:
            self.verdict.axioms.add(axioms.MADE_FIRST)
        ok = [
            (spot.node.edges["ok"], spot.state.set(connection, OPEN)._replace(last=connection))
            for spot in (a, b)
        ]
        yield "ok", pair._replace(before=ok[0], after=ok[1])
        for edge in (ERROR, CANCEL):
            before, after = ((spot.node.edges[edge], dialed(spot)) for spot in (a, b))
            yield edge, pair._replace(before=before, after=after)

    def _ask(self, a: Spot, b: Spot, pair: Pair) -> Iterator[Next]:
        """A test that only asks whether the connection is closed, on one side."""
        self.verdict.axioms.add(axioms.CLOSED_TWICE)
        side = 0 if a.op == "asks" else 1
        spot = b if side else a
        for edge in ("true", "false"):
            nodes, states = [a.node, b.node], [a.state, b.state]
            if edge == "true":
                states = [state.set(spot.connection, CLOSED) for state in states]
            nodes[side] = spot.node.edges[edge]
            before, after = zip(nodes, states, strict=True)
            yield edge, pair._replace(before=before, after=after)

    def _alone(self, a: Spot, b: Spot, pair: Pair) -> Iterator[Next]:
        """On a path on which a close was cancelled, one side does what the other skips."""
        side = self._may_go_alone(a, b, pair)
        spot = b if side else a
        for edge in spot.node.edges:
            if edge not in RAISING and edge != "other":
                yield edge, one_side(side, stepped(spot, edge), a, b, pair)

    def _may_go_alone(self, a: Spot, b: Spot, pair: Pair) -> int:
        debtors = {debt.side for debt in pair.debts if debt.outcome == CANCEL}
        for side, spot in ((0, a), (1, b)):
            if side in debtors and spot.op != "end" and self._reach.harmless(spot.node):
                self.verdict.axioms.add(axioms.RUNS_AFTER_CLOSE)
                return side
        if not pair.cut or b.op == "end":
            raise UnequalError
        self.verdict.axioms.add(axioms.CLOSE_FAILS)
        return 1


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


def _early(debts: frozenset[Debt]) -> bool:
    return any(debt.side == 0 for debt in debts)
