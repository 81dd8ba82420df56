"""Propagates the state of one connection through the graph, from its acquisition on.

A basic block has one state for each key: the connection's status and the way the path came. Paths
with the same key join, so the cost grows with the graph and not with the number of paths.
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

_States: TypeAlias = dict[Key, State]


class Propagation:
    """Propagates the state of one connection until it reaches a fixed point."""

    def __init__(self, graph: Graph, site: Site) -> None:
        self.trace = Trace(site)
        self._graph = graph
        self._states: dict[BasicBlock, _States] = {}
        self._worklist = Worklist()

    def from_acquisition(self, block: BasicBlock, facts: Facts) -> Trace:
        """Follow a connection from the block in which it is acquired."""
        index, acquire = next(
            (index, instruction)
            for index, instruction in enumerate(block.instructions)
            if isinstance(instruction, Acquire) and instruction.site is self.trace.site
        )
        state = State({acquire.place: CONNECTION}, facts)
        self._transfer(block, ("open", "straight"), state, index + 1)
        return self._solve()

    def from_entry(self, place: Place) -> Trace:
        """Follow a connection that the function is given."""
        self._join(self._graph.entry, ("open", "straight"), State({place: CONNECTION}, {}))
        return self._solve()

    def _solve(self) -> Trace:
        while self._worklist:
            block = self._worklist.pop()
            for key, state in list(self._states[block].items()):
                self._transfer(block, key, state, 0)
        return self.trace

    def _join(self, block: BasicBlock, key: Key, state: State) -> None:
        if block in (self._graph.end, self._graph.failure, self._graph.cancellation):
            self._leave(block, key, state)
            return
        states = self._states.setdefault(block, {})
        before = states.get(key)
        joined = state if before is None else before.joined(state)
        if joined is None:
            return
        states[key] = joined
        self._worklist.add(block)

    def _transfer(self, block: BasicBlock, key: Key, state: State, index: int) -> None:
        """Apply a block's instructions from `index` on, and pass the state to its targets."""
        status, way = key
        if block.line > self._graph.last_url_close:
            state = self._alive(state, block.line)
            if not state.holders:
                self._end(status, way, state.line)
                return
        if block.instructions:
            transfer = TransferFunction(self.trace, status, way, state, block.line)
            for instruction in block.instructions[index:]:
                if not transfer.apply(instruction):
                    return
            status, state = transfer.status, transfer.state
        if block.suspends:
            state = state.suspended()
        self._follow_normal_edges(block, (status, way), state)
        if block.raises is not None or block.cancels is not None:
            self._follow_exceptional_edges(block, (status, way), state)

    def _follow_normal_edges(self, block: BasicBlock, key: Key, state: State) -> None:
        status, way = key
        if block.returning_line and way == "straight":
            key, state = (status, "returned"), state.left_at(block.returning_line)
        for target in block.successors:
            if way == "straight" and target.order <= block.order:
                self._note_turn(target, status)
            self._join(target, key, state)

    def _note_turn(self, head: BasicBlock, status: Status) -> None:
        loop = self._graph.loop_heads.get(head)
        if loop is not None:
            self.trace.turns.setdefault(loop, set()).add(status)

    def _follow_exceptional_edges(self, block: BasicBlock, key: Key, state: State) -> None:
        status, way = key
        # Report the last raising line; after a `raise` in a handler, the first.
        fresh = way in ("straight", "returned") or not block.raises_on
        after = state.left_at(block.raising_line) if fresh else state
        if block.raises is not None:
            self._join(block.raises, (status, "raised" if fresh else way), after)
        if block.cancels is not None:
            self._join(block.cancels, (status, "cancelled" if fresh else way), after)

    def _alive(self, state: State, line: int) -> State:
        """The state without the places that are not mentioned from this line on."""
        last_line = self._graph.last_line
        dead = [
            place for place in state.holders if last_line.get(place.partition(".")[0], 0) < line
        ]
        if not dead:
            return state
        holders = {place: kind for place, kind in state.holders.items() if place not in dead}
        return State(
            holders, state.facts, state.line, state.unsure.difference(dead), state.deferred
        )

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
