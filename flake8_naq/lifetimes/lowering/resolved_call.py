"""A call, resolved: what its handlers need to know of it."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from flake8_naq.lifetimes.callees import Callee
from flake8_naq.lifetimes.cfg.graph import Place


@dataclass(eq=False, slots=True)
class ResolvedCall:
    """One call.

    Attributes:
        node: The call.
        callee: What it calls.
        last: The last name of the called function as written.
        awaited: Whether its coroutine, if it returns one, runs.
        receiver: The place that holds the object whose method it calls.
    """

    node: ast.Call
    callee: Callee
    last: str
    awaited: bool
    receiver: Place | None = None

    @property
    def is_method(self) -> bool:
        """Whether the called function is an attribute."""
        return isinstance(self.node.func, ast.Attribute)

    @property
    def is_plain(self) -> bool:
        """Whether the called function is a name."""
        return isinstance(self.node.func, ast.Name)


def last_name(function: ast.expr) -> str:
    """The last name of a called function as written, empty for another expression."""
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
