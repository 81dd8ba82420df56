"""Describes a difference between a function and its rewrite in a message."""

from __future__ import annotations

from dataclasses import dataclass

from flake8_naq.migrate.prove.keys import display
from flake8_naq.migrate.prove.nodes import CANCEL, ERROR, Node
from flake8_naq.migrate.prove.path_state import Spot

_ENDS = {
    ERROR: "the exit by an exception",
    CANCEL: "the exit by the cancellation",
    "return": "the return",
}
_OUTCOMES = {ERROR: "raises", CANCEL: "is cancelled"}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the path to a difference.

    Attributes:
        origin: The pair that it leaves.
        node: The atom, in the function before.
        edge: Its outcome.
    """

    origin: tuple[object, ...]
    node: Node
    edge: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference between the two functions.

    Attributes:
        parts: The message: text, and line numbers of the function before.
        path: The atoms on the path to it, with their outcomes.
    """

    parts: tuple[str | int, ...]
    path: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "".join(f"line {part}" if isinstance(part, int) else part for part in self.parts)


def describe(a: Spot, b: Spot, trail: list[Step], why: str) -> Difference:
    """Turn the end of a walk into a message."""
    condition: list[str | int] = []
    for step in trail:
        if step.edge in _OUTCOMES and step.node.line:
            condition = ["when ", step.node.line, f" {_OUTCOMES[step.edge]}, "]
    before, after = _named(a, placed=True), _named(b, placed=False)
    if not why:
        parts = [*condition, "the next step is now ", *after, " instead of ", *before]
    elif b.op == "close" and a.op != "close":
        parts = [*condition, "the block now closes the connection before ", *before, f": {why}"]
    else:
        parts = [*condition, "the next step is ", *before, f": {why}"]
    path = tuple(f"{_quoted(step.node)} ({step.edge})" for step in trail if step.node.line)
    return Difference(tuple(parts), path)


def _named(spot: Spot, *, placed: bool) -> list[str | int]:
    if spot.op == "end":
        return [_ENDS.get(str(spot.node.key), "the end of the function")]
    name = "the close" if spot.op == "close" else _quoted(spot.node)
    return [name, " on ", spot.node.line] if placed and spot.node.line else [name]


def _quoted(node: Node) -> str:
    if node.syntax is None:
        return "the end of the function"
    text = f"`{display(node.syntax)}`"
    if isinstance(node.key, tuple) and node.key and node.key[0] in ("enter", "exit"):
        return f"the {node.key[0]} of {text}"
    return text
