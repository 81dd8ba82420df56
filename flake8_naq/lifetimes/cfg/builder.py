"""Builds the control-flow graph: normal edges, jumps, and exceptional edges."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from flake8_naq.lifetimes.cfg.graph import Assume, BasicBlock, Graph, Instruction, Place

Exit = Literal["normal", "raise", "cancel", "return", "break", "continue"]

# A `finally` is lowered once for each kind of exit, so each copy continues to its own target.
# Copies multiply with nesting: from this depth on all exits share one.
_SHARED_FROM_DEPTH = 2


@dataclass(eq=False, slots=True)
class _Frame:
    """A statement around the current point that some exits enter."""

    targets: dict[Exit, BasicBlock]


@dataclass(eq=False, slots=True)
class _Finally(_Frame):
    """A `finally`, which every exit enters; `targets` fills as they do."""

    lower_body: Callable[[], None]


class Builder:
    """The growing graph of one scope.

    Attributes:
        graph: The graph so far.
        current: The block that gets the next instruction.
        line: The line of the statement that is lowered.
    """

    def __init__(self, end_line: int) -> None:
        entry = BasicBlock()
        self.graph = Graph(entry, BasicBlock(), BasicBlock(), BasicBlock(), end_line=end_line)
        self.current = entry
        self.line = 0
        self.finally_depth = 0
        self.loop_ends: list[int] = []
        self._exits: dict[Exit, BasicBlock] = {
            "raise": self.graph.failure,
            "cancel": self.graph.cancellation,
            "return": self.graph.end,
        }
        self._frames: list[_Frame] = []
        self._temporaries = 0

    def emit(self, instruction: Instruction) -> None:
        """Add an instruction to the current block."""
        self.current.instructions.append(instruction)

    def assume(self, block: BasicBlock, assumption: Assume) -> None:
        """Let the path go on in this block only where an assumption holds."""
        self.graph.branches_on_facts = True
        block.instructions.append(assumption)

    def temporary(self, line: int) -> Place:
        """A new place for the value of an inner expression, needed up to this line."""
        self._temporaries += 1
        place = f"%{self._temporaries}"
        self.graph.last_line[place] = max(line, self.loop_ends[0] if self.loop_ends else 0)
        return place

    def mention(self, root: str, line: int) -> None:
        """Note that a name matters on this line (in a loop: until its end)."""
        if self.loop_ends:
            line = max(line, self.loop_ends[0])
        if self.graph.last_line.get(root, 0) < line:
            self.graph.last_line[root] = line

    def start(self, block: BasicBlock) -> None:
        """Make this block the current one."""
        self.current = block

    def go(self, target: BasicBlock) -> None:
        """Add a normal edge from the current block."""
        self.current.successors.append(target)

    def advance(self) -> None:
        """Go on in a new block after the current one."""
        block = BasicBlock(self.line)
        self.go(block)
        self.start(block)

    def may_raise(self, node: ast.AST, *, cancel: bool = False) -> None:
        """End the block with an exceptional edge: `node` may raise (or be cancelled)."""
        block = self.current
        block.raises = self.exceptional("raise")
        # Ignore cancellation inside `finally`: reporting it is noise.
        if cancel and not self.finally_depth:
            block.cancels = self.exceptional("cancel")
        block.raising_line = getattr(node, "lineno", block.line)
        block.suspends = cancel
        self.advance()

    def raise_now(self, node: ast.AST, *, cancelling: bool) -> None:
        """End the block with a raise; the code after it is dead."""
        block = self.current
        block.raising_line = getattr(node, "lineno", block.line)
        block.raises_on = True
        if cancelling:
            block.cancels = self.exceptional("cancel")
        else:
            block.raises = self.exceptional("raise")
        self.start(BasicBlock())

    def jump(self, way: Literal["return", "break", "continue"], line: int = 0) -> None:
        """Leave by a statement; the code after it is dead."""
        if way == "return":
            self.current.returning_line = line
        target = self._target(way)
        if target is not None:
            self.go(target)
        self.start(BasicBlock())

    def in_loop(
        self, on_break: BasicBlock, on_continue: BasicBlock, lower_body: Callable[[], None]
    ) -> None:
        """Lower a loop's body."""
        self._frames.append(_Frame({"break": on_break, "continue": on_continue}))
        lower_body()
        self._frames.pop()

    def catching(
        self, raised: BasicBlock, cancelled: BasicBlock, lower_body: Callable[[], None]
    ) -> None:
        """Lower a body whose exceptions go to these blocks."""
        self._frames.append(_Frame({"raise": raised, "cancel": cancelled}))
        lower_body()
        self._frames.pop()

    def finally_run(self, lower_body: Callable[[], None], lower_final: Callable[[], None]) -> None:
        """Lower a body, and the code that runs on each of its exits."""
        frame = _Finally({}, lower_final)
        self._frames.append(frame)
        lower_body()
        self._frames.pop()
        normal = self._enter(frame, "normal")
        self.go(normal)
        after = BasicBlock()
        if self.finally_depth >= _SHARED_FROM_DEPTH:
            self._lower_final(frame, normal)
            last = self.current
            for way in frame.targets:
                self.start(last)
                self._go_on(way, after)
        else:
            for way, entry in frame.targets.items():
                self._lower_final(frame, entry)
                self._go_on(way, after)
        self.start(after)

    def _lower_final(self, frame: _Finally, entry: BasicBlock) -> None:
        self.start(entry)
        self.finally_depth += 1
        frame.lower_body()
        self.finally_depth -= 1

    def _go_on(self, way: Exit, after: BasicBlock) -> None:
        target = after if way == "normal" else self._target(way)
        if target is not None:
            self.go(target)

    def _enter(self, frame: _Finally, way: Exit) -> BasicBlock:
        if way not in frame.targets:
            shared = self.finally_depth >= _SHARED_FROM_DEPTH and frame.targets
            frame.targets[way] = next(iter(frame.targets.values())) if shared else BasicBlock()
        return frame.targets[way]

    def propagate(self, block: BasicBlock, way: Literal["raise", "cancel"]) -> None:
        """Let the paths that reach a block leave outwards as exceptions or cancellations."""
        block.successors.append(self.exceptional(way))

    def exceptional(self, way: Literal["raise", "cancel"]) -> BasicBlock:
        """The block that an exception reaches from here, or a cancellation."""
        target = self._target(way)
        assert target is not None
        return target

    def _target(self, way: Exit) -> BasicBlock | None:
        for frame in reversed(self._frames):
            if isinstance(frame, _Finally):
                return self._enter(frame, way)
            if way in frame.targets:
                return frame.targets[way]
        return self._exits.get(way)
