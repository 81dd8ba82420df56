"""The path that leaks: a propagation that remembers the edges that the connection took."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from flake8_naq.lifetimes.cfg.graph import BasicBlock, Graph
from flake8_naq.lifetimes.dataflow.propagation import Propagation
from flake8_naq.lifetimes.dataflow.state import Key, State
from flake8_naq.lifetimes.facts import Leak, Site

EdgeKind = Literal["normal", "raises", "cancelled"]
_Node: TypeAlias = tuple[BasicBlock, Key]


@dataclass(frozen=True, slots=True)
class Step:
    """One edge of a path.

    Attributes:
        source: The block that it leaves.
        kind: Whether an exception or a cancellation takes it.
        target: The block that it enters.
    """

    source: BasicBlock
    kind: EdgeKind
    target: BasicBlock


@dataclass(frozen=True, slots=True)
class _Point:
    """A node on a path, and the line at which the path left the straight way."""

    node: _Node
    line: int = 0

    def to(self, target: _Node) -> tuple[Step, _Point]:
        """The edge to a node, and the point that it leads to."""
        block, (_, way) = self.node
        entered, (_, way_after) = target
        kind: EdgeKind = "normal"
        if way_after == "raised" and entered is block.raises:
            kind = "raises"
        elif way_after == "cancelled" and entered is block.cancels:
            kind = "cancelled"
        line = self.line
        if kind == "normal" and block.returning_line and way == "straight":
            line = block.returning_line
        elif kind != "normal" and (way in ("straight", "returned") or not block.raises_on):
            line = block.raising_line
        return Step(block, kind, entered), _Point(target, line)


class Witness(Propagation):
    """Propagates the state of one connection, and finds a path to each of its leaks."""

    def __init__(self, graph: Graph, site: Site) -> None:
        super().__init__(graph, site)
        self._exits = {graph.end, graph.failure, graph.cancellation}
        self._at: list[_Node] = []
        self._edges: dict[_Node, dict[_Node, None]] = {}
        # Where a leak ends, and whether that is in the block of the acquisition.
        self._ends: dict[Leak, tuple[_Node, bool]] = {}

    def path(self, leak: Leak) -> list[Step]:
        """A shortest path from the acquisition to the end of the scope that leaks the connection.

        Args:
            leak: One of the leaks of the connection.
        """
        end, at_once = self._ends[leak]
        start = _Point(self._at[0])
        if at_once:
            return self._on(end, leak)
        exact = leak.how in ("raises", "cancelled", "returns")
        came: dict[_Point, tuple[_Point, Step] | None] = {start: None}
        waiting = deque([start])
        while waiting:
            point = waiting.popleft()
            for target in self._edges.get(point.node, ()):
                step, after = point.to(target)
                if target == end and (after.line == leak.line or not exact):
                    return [*_back(point, came), step, *self._on(end, leak)]
                if after not in came:
                    came[after] = (point, step)
                    waiting.append(after)
        return []

    def _transfer(self, block: BasicBlock, key: Key, state: State, index: int) -> None:
        self._at.append((block, key))
        super()._transfer(block, key, state, index)
        self._note((block, key), at_once=len(self._at) == 1)

    def _join(self, block: BasicBlock, key: Key, state: State) -> None:
        self._edges.setdefault(self._at[-1], {})[block, key] = None
        super()._join(block, key, state)
        self._note((block, key), at_once=False)

    def _note(self, node: _Node, *, at_once: bool) -> None:
        """Note where the leaks that are new end."""
        for leak in self.trace.leaks.values():
            self._ends.setdefault(leak, (node, at_once))

    def _on(self, node: _Node, leak: Leak) -> list[Step]:
        """The steps from a last mention of the connection to the end of the scope."""
        block, _ = node
        if leak.how == "rebound":
            return []
        came: dict[BasicBlock, Step | None] = {block: None}
        waiting = deque([block])
        while waiting:
            block = waiting.popleft()
            if block in self._exits:
                break
            for target in block.successors:
                if target not in came:
                    came[target] = Step(block, "normal", target)
                    waiting.append(target)
        else:
            return []
        steps = []
        while step := came[block]:
            steps.append(step)
            block = step.source
        return steps[::-1]


def _back(point: _Point, came: dict[_Point, tuple[_Point, Step] | None]) -> list[Step]:
    """The steps from the start to a point."""

    def backwards() -> Iterator[Step]:
        before = came[point]
        while before:
            yield before[1]
            before = came[before[0]]

    return list(backwards())[::-1]
