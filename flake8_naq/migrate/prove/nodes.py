"""Nodes of a function's graph. A node is lowered when the walk first reaches it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Literal

# The ways out of an atom besides "ok".
ERROR = "error"
CANCEL = "cancel"

Op = Literal[
    "later",  # not lowered yet
    "atom",  # an effect that is compared by its key
    "test",  # an atom that branches
    "end",
    "connect",
    "dial",  # `await client.connect(...)`
    "make",  # `NATS()`
    "take",  # a name gets the connection that was opened last
    "hold",  # `async with nc:`
    "derive",
    "bucket",
    "close",
    "closed",  # a function of the project has closed it
    "asks",  # a test whether it is closed
    "isnone",  # a test for None
    "none",  # `x = None`
    "forget",  # a name gets any other value
    "pend",  # a return value is evaluated
]


@dataclass(eq=False, slots=True)
class Node:
    """One step of a function.

    Attributes:
        op: Its operation.
        key: The key for comparison.
        edges: Its successors, by outcome.
        syntax: The syntax it was lowered from.
        reads: The local names whose values it uses.
        detail: Further data of the operation.
        waits: Whether it awaits.
        make: Lowers a node that is not lowered yet.
    """

    op: Op
    key: Hashable = ()
    edges: dict[str, Node] = field(default_factory=dict)
    syntax: ast.AST | None = None
    reads: frozenset[str] = frozenset()
    detail: tuple[str, ...] = ()
    waits: bool = False
    make: Callable[[], Node] | None = None

    @property
    def line(self) -> int:
        """Its line; 0 where the function ends."""
        return getattr(self.syntax, "lineno", 0)


def forced(node: Node) -> Node:
    """The node itself, lowered as far as needed."""
    while node.op == "later":
        if "ok" not in node.edges:
            assert node.make is not None
            node.edges["ok"] = node.make()
            node.make = None
        node = node.edges["ok"]
    return node


def later(make: Callable[[], Node]) -> Node:
    """A node that is lowered when the walk reaches it: no depth of nesting exhausts the stack."""
    return Node("later", make=make)


@dataclass(frozen=True, slots=True)
class Ways:
    """The successors of a statement other than the next one.

    Attributes:
        error: An exception.
        cancel: A cancellation.
        leave: `return`.
        stop: `break`.
        again: `continue`.
    """

    error: Node
    cancel: Node
    leave: Node
    stop: Node
    again: Node

    def of(self, kind: str) -> Node:
        """The exceptional edges: of an exception and of a cancellation."""
        return self.cancel if kind == CANCEL else self.error

    def raising(self, *, waits: bool) -> dict[str, Node]:
        """The edges of an atom that may raise, and may be cancelled where it awaits."""
        edges = {ERROR: self.error}
        if waits:
            edges[CANCEL] = self.cancel
        return edges


def end(way: str) -> Node:
    """An end of the function."""
    return Node("end", way)


def ends() -> tuple[Node, Ways]:
    """The ends of a function: by its last statement, and all others."""
    nowhere = end("nowhere")
    return end("ok"), Ways(end(ERROR), end(CANCEL), end("return"), nowhere, nowhere)
