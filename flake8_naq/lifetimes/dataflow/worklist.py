"""The worklist of the dataflow analyses."""

from __future__ import annotations

import heapq

from flake8_naq.lifetimes.cfg.graph import BasicBlock


class Worklist:
    """Basic blocks to visit, each at most once at a time, in reverse postorder."""

    def __init__(self) -> None:
        self._orders: list[int] = []
        self._blocks: dict[int, BasicBlock] = {}

    def __bool__(self) -> bool:
        return bool(self._orders)

    def add(self, block: BasicBlock) -> None:
        """Add a block unless it already waits."""
        if block.order not in self._blocks:
            self._blocks[block.order] = block
            heapq.heappush(self._orders, block.order)

    def pop(self) -> BasicBlock:
        """Remove the first block in reverse postorder."""
        return self._blocks.pop(heapq.heappop(self._orders))
