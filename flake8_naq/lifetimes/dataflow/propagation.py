"""Follows one connection through the graph, from its acquisition to where it no longer matters.

The state at a block is one per key: the connection's status and the way the path came. Paths
with the same key are joined, never listed, so that the cost grows with the graph and not with the
number of paths.
"""

from __future__ import annotations

from typing import TypeAlias

from flake8_naq.lifetimes.cfg.graph import CONNECTION, Acquire, BasicBlock, Graph, Place
from flake8_naq.lifetimes.dataflow.nullness import Facts
from flake8_naq.lifetimes.dataflow.state import Key, State, Status, Way
from flake8_naq.lifetimes.dataflow.trace import Trace
from flake8_naq.lifetimes.dataflow.transfer import TransferFunction
from flake8_naq.lifetimes.dataflow.worklist import Worklist
from flake8_naq.lifetimes.facts import Leak, Site

_Point: TypeAlias = dict[Key, State]


class Flow:
    """Follows one connection of a graph."""

    def __init__(self, graph: Graph, site: Site) -> None:
        self.trace = Trace(site)
        self._graph = graph
        self._points: dict[BasicBlock, _Point] = {}
        self._worklist = Worklist()

    def from_acquisition(self, block: BasicBlock, facts: Facts) -> Trace:
        """Follow a connection from the block in which it is acquired."""
        index, acquire = next(
            (index, step)
            for index, step in enumerate(block.instructions)
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
        while self._worklist:
            block = self._worklist.pop()
            for key, state in list(self._points[block].items()):
                self._run(block, key, state, 0)
        return self.trace

    def _arrive(self, block: BasicBlock, key: Key, state: State) -> None:
        if block in (self._graph.end, self._graph.failure, self._graph.cancellation):
            self._leave(block, key, state)
            return
        point = self._points.setdefault(block, {})
        before = point.get(key)
        joined = state if before is None else before.joined(state)
        if joined is None:
            return
        point[key] = joined
        self._worklist.add(block)

    def _run(self, block: BasicBlock, key: Key, state: State, index: int) -> None:
        status, way = key
        if block.line > self._graph.last_url_close:
            state = self._alive(state, block.line)
            if not state.holders:
                self._end(status, way, state.line)
                return
        if block.instructions:
            transfer = TransferFunction(self.trace, status, way, state, block.line)
            for step in block.instructions[index:]:
                if not transfer.apply(step):
                    return
            status, state = transfer.status, transfer.state
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

    def _leave(self, block: BasicBlock, key: Key, state: State) -> None:
        status, way = key
        if block is self._graph.end or (status == "open" and way not in ("straight", "returned")):
            self._end(status, way, state.line)

    def _end(self, status: Status, way: Way, line: int) -> None:
        """Note how a path ends, as far as the connection is concerned."""
        if status == "open":
            self.trace.leak(way, line, Leak(self._graph.end_line, "ends"))
        elif status == "escaped":
            self.trace.escaped_at_end = True
