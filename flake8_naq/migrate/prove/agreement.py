"""The conditions that both functions must agree on at an effect, or at their ends."""

from __future__ import annotations

from flake8_naq.migrate.prove.nodes import CANCEL, ERROR
from flake8_naq.migrate.prove.pairs import RAISING, Debt, UnequalError
from flake8_naq.migrate.prove.path_state import CLOSED, DRAINED, ENDED, OPEN, Spot, opened

_LEFT_OPEN = "it was left open there"
_STAYS_OPEN = "the connection stays open"


def hold_names(a: Spot, b: Spot, captured: frozenset[str]) -> None:
    """Check that the names that an effect reads hold the same values on both sides.

    A call or an await may run closures, which read the names in ``captured``.

    Raises:
        UnequalError: A value differs.
    """
    reads = a.node.reads | b.node.reads
    if a.node.waits or type(a.node.syntax).__name__ == "Call":
        reads |= captured
    for name in reads:
        before, after = a.state.value(name), b.state.value(name)
        if before != after:
            raise UnequalError(f"`{name}` no longer holds the same value there")
        if isinstance(before, tuple):
            connection = before[1]
            if _seen(a.state.status(connection)) != _seen(b.state.status(connection)):
                raise UnequalError(f"`{name}` is closed already there, or not yet")


def hold_connections(a: Spot, b: Spot) -> None:
    """Check that both sides have the same connections open, where code may use any of them.

    Raises:
        UnequalError: One side has closed a connection, the other has not.
    """
    for connection, status in a.state.connections:
        if (status == OPEN) != (b.state.status(connection) == OPEN) and status in (OPEN, CLOSED):
            raise UnequalError("a connection is closed already there, or not yet")


def hold_unconnected(a: Spot, b: Spot) -> None:
    """Check that a client that connects was closed before on both sides, or on none.

    Raises:
        UnequalError: Only one side has closed it.
    """
    closed = {spot.state.status(opened(spot.node)) in (CLOSED, ENDED) for spot in (a, b)}
    if len(closed) > 1 and opened(a.node) == opened(b.node):
        raise UnequalError("the client is closed already there, or not yet")


def hold_ends(a: Spot, b: Spot, debts: frozenset[Debt]) -> None:
    """Check that both functions end with the same outcome, result and open connections.

    Raises:
        UnequalError: They differ.
    """
    before, after = a.node.key, b.node.key
    raising = before in RAISING
    if any(debt.side == 1 for debt in debts):
        raise UnequalError(_STAYS_OPEN)
    if debts and not raising:
        raise UnequalError(_LEFT_OPEN)
    if before != after and not (_both_none(a, b) or hides_cancellation(a, b)):
        raise UnequalError
    if before == after == "return" and a.state.result[0] != b.state.result[0]:
        raise UnequalError("it returns another value")
    for connection, status in a.state.connections:
        _hold_status(status, b.state.status(connection), raising=raising)


def _hold_status(before: str, after: str, *, raising: bool) -> None:
    if before == OPEN and after in (CLOSED, DRAINED) and not raising:
        raise UnequalError(_LEFT_OPEN)
    if before in (CLOSED, DRAINED) and after == OPEN:
        raise UnequalError(_STAYS_OPEN)


def _seen(status: str) -> str:
    """The status of a connection as code sees it: one that only the rewrite closed is closed."""
    return CLOSED if status == ENDED else status


def hides_cancellation(a: Spot, b: Spot) -> bool:
    """Whether an UnboundLocalError takes the place of a cancellation in the function before."""
    return a.state.unbound and a.node.key == ERROR and b.node.key == CANCEL


def _both_none(a: Spot, b: Spot) -> bool:
    """Whether both end by returning None, one of them by its last statement."""
    for one, other in ((a, b), (b, a)):
        if one.node.key == "ok" and other.node.key == "return":
            return other.state.result[0] == (("NoneType", "None"), ())
    return False
