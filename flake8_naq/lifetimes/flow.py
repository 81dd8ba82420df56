"""Follows one connection through the graph, from its acquisition to where it no longer matters.

The state at a block is one per key: the connection's status and the way the path came. Paths
with the same key are joined, never listed, so that the cost grows with the graph and not with the
number of paths.
"""

from __future__ import annotations

import heapq
from typing import TypeAlias

from flake8_naq.lifetimes.facts import Leak, Site
from flake8_naq.lifetimes.graph import (
    CONNECTION,
    Acquire,
    Block,
    Derive,
    Forget,
    Graph,
    Move,
    Place,
    Step,
    Test,
)
from flake8_naq.lifetimes.knowledge import Facts, Knowledge, joined_facts
from flake8_naq.lifetimes.states import Key, State, Status, Stepper, Trace, Way

_Point: TypeAlias = dict[Key, State]


def facts_on_entry(graph: Graph) -> dict[Block, Facts]:
    """What is known of flags and of None at the start of each block."""
    if not graph.asks:
        # Nobody wants to know.
        return {block: {} for _, block in graph.sites if block.order >= 0}
    known: dict[Block, Facts] = {graph.entry: {}}
    waiting = _Waiting()
    waiting.add(graph.entry)
    while waiting:
        block = waiting.next()
        knowledge = Knowledge(known[block])
        if not _tell(knowledge, block.steps):
            continue
        for target in block.targets:
            before = known.get(target)
            after = knowledge.facts
            if before is not None:
                after = joined_facts(before, after)
            if before is None or after != before:
                known[target] = after
                waiting.add(target)
    return known


def _tell(knowledge: Knowledge, steps: list[Step]) -> bool:
    """Let steps change what is known; False when no path goes on."""
    for step in steps:
        if isinstance(step, (Forget, Move, Acquire, Derive)):
            knowledge.forget(step.place)
            if isinstance(step, Forget) and step.fact is not None:
                knowledge.learn(step.place, step.fact)
        elif isinstance(step, Test) and step.question != "iterated" and not knowledge.test(step):
            return False
    return True


class _Waiting:
    """Blocks to be visited, the first in the order of the graph first."""

    def __init__(self) -> None:
        self._orders: list[int] = []
        self._blocks: dict[int, Block] = {}

    def __bool__(self) -> bool:
        return bool(self._orders)

    def add(self, block: Block) -> None:
        if block.order not in self._blocks:
            self._blocks[block.order] = block
            heapq.heappush(self._orders, block.order)

    def next(self) -> Block:
        return self._blocks.pop(heapq.heappop(self._orders))


class Flow:
    """Follows one connection of a graph."""

    def __init__(self, graph: Graph, site: Site) -> None:
        self.trace = Trace(site)
        self._graph = graph
        self._points: dict[Block, _Point] = {}
        self._waiting = _Waiting()

    def from_acquisition(self, block: Block, facts: Facts) -> Trace:
        """Follow a connection from the block in which it is acquired."""
        index, acquire = next(
            (index, step)
            for index, step in enumerate(block.steps)
            if isinstance(step, Acquire) and step.site is self.trace.site
        )
        state = State({acquire.place: CONNECTION}, facts)
        self._run(block, ("open", "straight"), state, index + 1)
        return self._finish()

    def from_entry(self, place: Place) -> Trace:
        """Follow a connection that the function is given."""
        self._arrive(self._graph.entry, ("open", "straight"), State({place: CONNECTION}, {}))
        return self._finish()

    def _finish(self) -> Trace:
        while self._waiting:
            block = self._waiting.next()
            for key, state in list(self._points[block].items()):
                self._run(block, key, state, 0)
        return self.trace

    def _arrive(self, block: Block, key: Key, state: State) -> None:
        if block in (self._graph.end, self._graph.failure, self._graph.cancellation):
            self._leave(block, key, state)
            return
        point = self._points.setdefault(block, {})
        before = point.get(key)
        joined = state if before is None else before.joined(state)
        if joined is None:
            return
        point[key] = joined
        self._waiting.add(block)

    def _run(self, block: Block, key: Key, state: State, index: int) -> None:
        status, way = key
        if block.line > self._graph.last_url_close:
            state = self._alive(state, block.line)
            if not state.holders:
                self._end(status, way, state.line)
                return
        if block.steps:
            stepper = Stepper(self.trace, status, way, state, block.line)
            for step in block.steps[index:]:
                if not stepper.apply(step):
                    return
            status, state = stepper.status, stepper.state
        if block.returning_line and way == "straight":
            after = state.left_at(block.returning_line)
            for target in block.successors:
                self._arrive(target, (status, "returned"), after)
        else:
            for target in block.successors:
                self._arrive(target, (status, way), state)
        if block.raises is None and block.cancels is None:
            return
        # The last line that raised is the one to tell; a `raise` in a handler tells the first.
        fresh = way in ("straight", "returned") or not block.raises_on
        after = state.left_at(block.raising_line) if fresh else state
        if block.raises is not None:
            self._arrive(block.raises, (status, "raised" if fresh else way), after)
        if block.cancels is not None:
            self._arrive(block.cancels, (status, "cancelled" if fresh else way), after)

    def _alive(self, state: State, line: int) -> State:
        """The state without the places that are not mentioned from this line on."""
        last_line = self._graph.last_line
        dead = [
            place for place in state.holders if last_line.get(place.partition(".")[0], 0) < line
        ]
        if not dead:
            return state
        holders = {place: kind for place, kind in state.holders.items() if place not in dead}
        return State(holders, state.facts, state.line, state.unsure.difference(dead))

    def _leave(self, block: Block, key: Key, state: State) -> None:
        status, way = key
        if block is self._graph.end or (status == "open" and way not in ("straight", "returned")):
            self._end(status, way, state.line)

    def _end(self, status: Status, way: Way, line: int) -> None:
        """Note how a path ends, as far as the connection is concerned."""
        if status == "open":
            self.trace.leak(way, line, Leak(self._graph.end_line, "ends"))
        elif status == "escaped":
            self.trace.escaped_at_end = True
