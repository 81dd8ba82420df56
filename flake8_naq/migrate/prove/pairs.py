"""The pairs of nodes that a walk visits, and their successors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from flake8_naq.migrate.prove.axioms import Axiom
from flake8_naq.migrate.prove.difference import Difference
from flake8_naq.migrate.prove.nodes import CANCEL, ERROR, Node
from flake8_naq.migrate.prove.path_state import CLOSED, DIALED, MADE, PathState, Spot

RAISING = frozenset({ERROR, CANCEL})


class Debt(NamedTuple):
    """A close that one side has done and the other has yet to do.

    Attributes:
        side: Who owes it: 0 the function before, 1 the one after.
        connection: The connection.
        outcome: The outcome of the close.
        way: The kind of close.
    """

    side: int
    connection: str
    outcome: str
    way: str


class Pair(NamedTuple):
    """The positions of both functions on a path.

    Attributes:
        before: The node and the state of the function before.
        after: The same of the one after.
        debts: Closes that one side has yet to do.
        cut: Whether a close was cancelled on this path.
    """

    before: tuple[Node, PathState]
    after: tuple[Node, PathState]
    debts: frozenset[Debt] = frozenset()
    cut: bool = False


# A successor of a pair: the edge, and the next pair.
Next: TypeAlias = tuple[str, Pair]


@dataclass
class Verdict:
    """The result of a walk.

    Attributes:
        difference: The first difference, None where there is none.
        axioms: The axioms that it needed.
        closed_before: Lines of clauses before which a path now closes what it left open.
        pairs: The number of pairs that it visited.
    """

    difference: Difference | None = None
    axioms: set[Axiom] = field(default_factory=set)
    closed_before: set[int] = field(default_factory=set)
    pairs: int = 0


class UnequalError(Exception):
    """The two functions differ here.

    Attributes:
        why: The difference; empty where the two next effects show it.
    """

    def __init__(self, why: str = "") -> None:
        super().__init__(why)
        self.why = why


def one_side(side: int, spot: tuple[Node, PathState], a: Spot, b: Spot, pair: Pair) -> Pair:
    """The pair after one side moves alone."""
    here = (a.node, a.state), (b.node, b.state)
    return (
        pair._replace(before=here[0], after=spot)
        if side
        else pair._replace(before=spot, after=here[1])
    )


def moved(spot: Spot, edge: str, status: str) -> tuple[Node, PathState] | None:
    """The successors of a close. The client is closed whatever the outcome."""
    following = spot.node.edges.get(edge)
    if following is None:
        return None
    # The pool's close goes on until nothing is open.
    again = spot.way == "pooled" and edge == "ok"
    return spot.node if again else following, spot.state.set(spot.connection, status)


def stepped(spot: Spot, edge: str) -> tuple[Node, PathState]:
    """The successors of an atom, with their states."""
    node, state = spot.node, spot.state
    if node.op == "bucket" and edge == "ok" and node.detail[1]:
        state = state.bind(node.detail[1], ("bucket", spot.connection))
    for name in node.reads if node.op in ("atom", "test") else ():
        connection = state.connection(name)
        if connection and state.status(connection) == MADE:
            # Code that gets the client may connect it.
            state = state.set(connection, DIALED)
    if edge == "swallowed" or (edge == "true" and _catches(node)):
        state = state.caught()
    if node.op == "asks" and edge == "true":
        state = state.set(spot.connection, CLOSED)
    result, reads = state.result
    if reads.intersection(node.detail) and node.op == "atom":
        state = state._replace(result=(("an earlier value", result), frozenset()))
    return node.edges[edge], state


def _catches(node: Node) -> bool:
    """Whether a test is that of a clause, or of a `suppress`, for the exception on the path."""
    return isinstance(node.key, tuple) and node.key[:1] in (("match",), ("suppress",))
