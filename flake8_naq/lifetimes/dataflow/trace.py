"""The trace of one connection: the events on all of its paths."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from flake8_naq.lifetimes.cfg.graph import Defer, Place
from flake8_naq.lifetimes.dataflow.state import Status, Way
from flake8_naq.lifetimes.facts import Derived, Escape, Leak, Release, Site


@dataclass(eq=False, slots=True)
class Trace:
    """The events of one connection."""

    site: Site
    derived: dict[Derived, None] = field(default_factory=dict)
    releases: dict[Release, None] = field(default_factory=dict)
    idle_closes: dict[ast.Call, None] = field(default_factory=dict)
    uses: dict[ast.expr, None] = field(default_factory=dict)
    escapes: dict[tuple[str, ast.AST], Escape] = field(default_factory=dict)
    stored_in: set[Place] = field(default_factory=set)
    leaks: dict[tuple[str, int], Leak] = field(default_factory=dict)
    used_open: set[ast.expr] = field(default_factory=set)
    used_closed: dict[ast.expr, None] = field(default_factory=dict)
    # Uses that were to run later, when the connection closed.
    outlived: dict[Defer, None] = field(default_factory=dict)
    # By loop, the statuses with which its turns end.
    turns: dict[ast.stmt, set[Status]] = field(default_factory=dict)
    # Escapes of the connection or of a handle, before a close that ends the block around them.
    left_then_closed: bool = False
    escaped_at_end: bool = False
    closer_handed_on: bool = False
    close_begun: bool = False
    comes_round: bool = False
    managed: bool = False
    collected: bool = False

    def leak(self, way: Way, line: int, straight: Leak) -> None:
        """Note that a path of this way loses the open connection."""
        leak = straight
        if way == "returned":
            leak = Leak(line, "returns")
        elif way == "raised":
            leak = Leak(line, "raises")
        elif way == "cancelled":
            leak = Leak(line, "cancelled")
        self.leaks.setdefault((leak.how, leak.line), leak)
