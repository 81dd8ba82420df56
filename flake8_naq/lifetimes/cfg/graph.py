"""The control-flow graph that a function is lowered to.

A basic block holds instructions that cannot fail, then at most one point that can: its exceptional
edge leaves after the instructions. Exceptions and cancellations take different edges, since
`except Exception` stops only the first. An instruction works on places: names and dotted attributes as written
(``nc``, ``self.nc``), and temporaries (``%1``) for the values of inner expressions.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from flake8_naq.lifetimes.facts import Deferral, Derived, Release, Site

Place: TypeAlias = str
Question = Literal["truthy", "none", "connected", "closed", "bound", "iterated", "same"]

# The kinds of holders: the connection itself, a handle derived from it, or a value around either.
# A container of handles differs from one of connections: `for sub in subs: await sub.drain()`.
CONNECTION, HANDLE, BOX, HANDLES = "connection", "handle", "box", "handles"

# The nullness of a place: None, truthy, falsy but not None, not None.
NONE, TRUE, FALSE, SOME = "none", "true", "false", "some"


@dataclass(eq=False, slots=True)
class Acquire:
    """A connection is opened, and `place` holds it."""

    place: Place
    site: Site


@dataclass(eq=False, slots=True)
class Move:
    """`place` holds what `source` held; an element of it when `element`."""

    place: Place
    source: Place
    element: bool = False


@dataclass(eq=False, slots=True)
class Wrap:
    """`place` (also) holds something around what `source` holds; `collected` in a container."""

    place: Place
    source: Place
    node: ast.AST
    collected: bool = False


@dataclass(eq=False, slots=True)
class Derive:
    """`place` holds a handle that is derived from what `source` holds.

    `live` when deriving it needs an open connection.
    """

    place: Place
    source: Place
    derived: Derived
    node: ast.expr
    live: bool = False


@dataclass(eq=False, slots=True)
class Forget:
    """`place` holds something else from here on; `fact` is what is known of it."""

    place: Place
    fact: str | None = None


@dataclass(eq=False, slots=True)
class Use:
    """`source` is used; `live` when the use needs an open connection."""

    source: Place
    node: ast.expr
    live: bool = False


@dataclass(eq=False, slots=True)
class Defer:
    """`node` uses `source` later: when a task runs, or when code calls a function.

    During a suspension a task runs, and a function that was kept may be called. A function that is
    returned is called after the end of its maker.
    """

    source: Place
    node: ast.expr
    how: Deferral


@dataclass(eq=False, slots=True)
class Close:
    """`source` is closed; None for a close that names no connection.

    It is only `begun` where a task does it, and never begins as a statement without an `await`.
    """

    source: Place | None
    release: Release
    begun: bool = False
    idle: bool = False


@dataclass(eq=False, slots=True)
class Leave:
    """The value of `source` leaves the function."""

    source: Place
    kind: Literal["returned", "yielded", "stored"]
    node: ast.AST
    place: Place | None = None


@dataclass(eq=False, slots=True)
class Hand:
    """`source` is an argument of a call (of a method of `receiver`) that may keep it.

    With `closer`, the argument is the means to close it. With `only_connection`, the call may take
    over a connection and only uses a handle, which cannot close one.
    """

    source: Place
    node: ast.AST
    receiver: Place | None = None
    closer: bool = False
    only_connection: bool = False


@dataclass(eq=False, slots=True)
class Manage:
    """A context manager or an exit stack takes over the closing of `source`.

    It is `idle` when it does not await the close.
    """

    source: Place
    idle: bool = False


@dataclass(eq=False, slots=True)
class Assume:
    """The path goes on only where the question about `place` has this answer.

    A loop over a container asks ``iterated``: a turn sets the mark (`answer` False), and what is
    in the container only comes out of the loop with the mark set. ``same`` asks whether the place
    that the mark names holds the same.
    """

    place: Place
    question: Question
    answer: bool
    mark: str = ""


Instruction: TypeAlias = (
    Acquire | Move | Wrap | Derive | Forget | Use | Defer | Close | Leave | Hand | Manage | Assume
)


@dataclass(eq=False, slots=True)
class BasicBlock:
    """Steps that run one after the other.

    Attributes:
        line: The line of its first statement, 0 for a join point.
        instructions: Its instructions, in order.
        successors: The targets of its normal edges.
        raises: The target of its exceptional edge; None when nothing can raise.
        cancels: The target of its edge for cancellations.
        raising_line: The line that can raise.
        suspends: Whether it ends with an `await`.
        raises_on: Whether it is a `raise`; in a handler it passes on the caught exception.
        returning_line: The line of the ``return`` that ends it, 0 for another end.
        lines: The lines of the statements that begin in it.
        order: Its number in reverse postorder.
    """

    line: int = 0
    instructions: list[Instruction] = field(default_factory=list)
    successors: list[BasicBlock] = field(default_factory=list)
    raises: BasicBlock | None = None
    cancels: BasicBlock | None = None
    raising_line: int = 0
    suspends: bool = False
    raises_on: bool = False
    returning_line: int = 0
    lines: tuple[int, ...] = ()
    order: int = -1

    @property
    def targets(self) -> list[BasicBlock]:
        """The targets of all edges, as a new list."""
        targets = self.successors.copy()
        if self.raises is not None:
            targets.append(self.raises)
        if self.cancels is not None:
            targets.append(self.cancels)
        return targets


@dataclass(eq=False, slots=True)
class Graph:
    """A lowered scope.

    Attributes:
        entry: Where it begins.
        end: Where the straight path and every `return` end.
        failure: Where exceptions leave it.
        cancellation: Where cancellations leave it.
        sites: The acquisitions in it and the blocks they stand in.
        loop_heads: The blocks that the turns of a loop go back to.
        last_line: Root name to the last line on which it can still matter.
        last_url_close: The last line with a close that names a URL or nothing.
        end_line: The last line of the scope.
        branches_on_facts: Whether any path depends on a flag, or on what is None.
    """

    entry: BasicBlock
    end: BasicBlock
    failure: BasicBlock
    cancellation: BasicBlock
    sites: list[tuple[Site, BasicBlock]] = field(default_factory=list)
    loop_heads: dict[BasicBlock, ast.stmt] = field(default_factory=dict)
    last_line: dict[str, int] = field(default_factory=dict)
    last_url_close: int = 0
    end_line: int = 0
    branches_on_facts: bool = False

    def number(self) -> None:
        """Number the blocks in reverse postorder."""
        postorder: list[BasicBlock] = []
        self.entry.order = 0
        stack = [(self.entry, self.entry.targets)]
        while stack:
            block, targets = stack[-1]
            if targets:
                target = targets.pop()
                if target.order < 0:
                    target.order = 0
                    stack.append((target, target.targets))
            else:
                postorder.append(block)
                stack.pop()
        for order, block in enumerate(reversed(postorder)):
            block.order = order
