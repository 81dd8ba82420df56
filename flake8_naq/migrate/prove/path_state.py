"""The state on a path: values of names, open connections, the return value."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from flake8_naq.migrate.prove import axioms
from flake8_naq.migrate.prove.axioms import Axiom
from flake8_naq.migrate.prove.nodes import CANCEL, ERROR, Node, forced

OPEN, CLOSED = "open", "closed"
# A client that never called `connect`, and one that did, which may have failed.
MADE, DIALED = "made", "dialed"
# A client that never connected, or failed to, and then failed to drain.
UNDRAINED = "undrained"
# The kind of a close of a client that never called `connect`: it raises.
UNCONNECTED = "unconnected"
# A drain failed: a close may have something to do.
DRAINED = "drained"
# Closed by the rewrite alone, on a path that leaves its block by an exception.
ENDED = "ended"
UNSET, NONE = "unset", "none"
# More silent steps in a row than this are a loop without an effect.
_FOREVER = 5000

# A name's value: `none`, `unset`, or a handle: its kind and its connection.
Value: TypeAlias = str | tuple[str, str]


class PathState(NamedTuple):
    """The state of one of the two functions on a path.

    Attributes:
        names: The handles that followed names hold; other values are not listed.
        connections: The state of each connection.
        last: The connection that was opened last.
        result: The return value, and the names that it was read from.
        unbound: Whether the path read an unbound name.
    """

    names: tuple[tuple[str, Value], ...]
    connections: tuple[tuple[str, str], ...] = ()
    last: str = ""
    result: tuple[Hashable, frozenset[str]] = ((), frozenset())
    unbound: bool = False

    def value(self, name: str) -> Value | None:
        """The value of a name, None for a value that is not followed."""
        for known, value in self.names:
            if known == name:
                return value
        return None

    def connection(self, name: str) -> str | None:
        """The connection that a name holds, or that its handle is derived from."""
        value = self.value(name)
        return value[1] if isinstance(value, tuple) else None

    def status(self, connection: str) -> str:
        """The state of a connection, empty while it is not open."""
        for known, status in self.connections:
            if known == connection:
                return status
        return ""

    def bind(self, name: str, value: Value | None) -> PathState:
        """The state after a name is bound."""
        rest = [item for item in self.names if item[0] != name]
        if value is not None:
            rest.append((name, value))
        return self._replace(names=tuple(sorted(rest, key=_first)))

    def caught(self) -> PathState:
        """The state once the exception on the path is caught."""
        connections = tuple(
            (known, DIALED if status == UNDRAINED else status) for known, status in self.connections
        )
        return self._replace(connections=connections, unbound=False)

    def set(self, connection: str, status: str) -> PathState:
        """The state after a connection is opened or closed."""
        rest = [item for item in self.connections if item[0] != connection]
        return self._replace(connections=tuple(sorted([*rest, (connection, status)])))


def _first(item: tuple[str, Value]) -> str:
    return item[0]


@dataclass(frozen=True, slots=True)
class Spot:
    """The next observable effect on a path.

    Attributes:
        node: The node.
        state: The state there.
        connection: The connection that it closes, binds from or asks.
        way: The kind of a close.
    """

    node: Node
    state: PathState
    connection: str = ""
    way: str = ""

    @property
    def op(self) -> str:
        """The kind of effect."""
        return self.node.op


class UnobservedSteps:
    """Skips silent steps: jumps, `x = None`, tests that the state decides."""

    def __init__(
        self, captured: frozenset[str], leased: set[str], loud: set[str], used: set[Axiom]
    ) -> None:
        """Walk over the unobserved steps of both functions.

        Args:
            captured: The handles that a closure reads.
            leased: The connections on a shared lease in the function after.
            loud: The connections whose close may run a callback of the program.
            used: The axioms in use.
        """
        self._captured = captured
        self._leased = leased
        self._loud = loud
        self._used = used

    def next_spot(self, node: Node, state: PathState) -> Spot:
        """The next observable effect from a node on."""
        for _ in range(_FOREVER):
            node = forced(node)
            found = self._step(node, state)
            if isinstance(found, Spot):
                return found
            node, state = found
        return Spot(Node("end", "forever"), state)

    def _step(self, node: Node, state: PathState) -> Spot | tuple[Node, PathState]:
        match node.op:
            case "none":
                return node.edges["ok"], state.bind(node.detail[0], NONE)
            case "forget":
                return node.edges["ok"], state.bind(node.detail[0], None)
            case "take":
                return node.edges["ok"], state.bind(node.detail[0], ("connection", state.last))
            case "make":
                connection = made(node.detail[0])
                bound = state.bind(node.detail[0], ("connection", connection))
                # A closure may connect it at any call.
                status = DIALED if node.detail[0] in self._captured else MADE
                return node.edges["ok"], bound.set(connection, status)
            case "pend":
                return node.edges["ok"], _pending(node, state)
            case "isnone":
                return node.edges[_nullness(state.value(node.detail[0]))], state
            case "close":
                return self._close(node, state)
            case "closed":
                return node.edges["ok"], self._closed(node, state)
            case "hold" | "derive" | "bucket" | "dial" | "asks":
                return _handle(node, state)
            case "atom" | "test" if ERROR in node.edges and _reads_unset(node, state):
                return node.edges[ERROR], state._replace(unbound=True)
        return Spot(node, state)

    def _close(self, node: Node, state: PathState) -> Spot | tuple[Node, PathState]:
        name, way, leaving = node.detail
        if not name:
            return self._close_pool(node, state)
        value = state.value(name)
        if value == UNSET:
            return Spot(node, state, way=UNSET)
        if not isinstance(value, tuple) or value[0] != "connection":
            return node.edges["other"], state
        connection, status = value[1], state.status(value[1])
        if status == MADE:
            return Spot(node, state, connection, UNCONNECTED)
        if way == "drain":
            return Spot(node, state, connection, f"drain {status}".removesuffix(f" {OPEN}"))
        if status in (CLOSED, ENDED, DRAINED, ""):
            self._used.add(axioms.CLOSED_TWICE)
            closed = state.set(connection, CLOSED) if status == DRAINED else state
            return node.edges["ok"], closed
        if connection in self._leased:
            ended = ENDED if leaving in (ERROR, CANCEL) else CLOSED
            return node.edges["ok"], state.set(connection, ended)
        return Spot(node, state, connection, way)

    def _closed(self, node: Node, state: PathState) -> PathState:
        """What a function that closes its connection leaves behind."""
        name, status = node.detail
        value = state.value(name)
        if not isinstance(value, tuple) or value[0] != "connection":
            return state
        if status == DRAINED and value[1] in self._loud:
            return state
        return state.set(value[1], status)

    def _close_pool(self, node: Node, state: PathState) -> Spot | tuple[Node, PathState]:
        """The close of every open connection, one after the other."""
        waiting = [known for known, status in state.connections if status == OPEN]
        self._used.add(axioms.POOLED_CLOSE)
        for known in self._leased.intersection(waiting):
            state = state.set(known, CLOSED)
        own = [known for known in waiting if known not in self._leased]
        return Spot(node, state, own[0], node.detail[1]) if own else (node.edges["ok"], state)


def made(name: str) -> str:
    """The connection of a client that is made first."""
    return f"made {name}"


def opened(node: Node) -> str:
    """The connection that a connecting node opens."""
    return made(node.detail[2]) if len(node.detail) > 2 else f"line {node.line}"


def dialed(spot: Spot) -> PathState:
    """The state after a connect that fails: a client that was made first may hold a socket."""
    if len(spot.node.detail) < 3:
        return spot.state
    return spot.state.set(opened(spot.node), DIALED)


def _pending(node: Node, state: PathState) -> PathState:
    held = tuple((name, value) for name in node.reads if (value := state.value(name)) is not None)
    return state._replace(result=((node.key, tuple(sorted(held, key=_first))), node.reads))


def _reads_unset(node: Node, state: PathState) -> bool:
    return any(value == UNSET and name in node.reads for name, value in state.names)


def _nullness(value: Value | None) -> str:
    if value is None:
        return "other"
    if isinstance(value, tuple):
        return "some"
    return "none" if value == NONE else "error"


def _handle(node: Node, state: PathState) -> Spot | tuple[Node, PathState]:
    """The effect on a handle, where the name holds one."""
    *_, source = node.detail[:1]
    if node.op == "hold":
        source = node.detail[1]
    connection = state.connection(source)
    if connection is None:
        return node.edges["other"], state
    match node.op:
        case "hold":
            return node.edges["ok"], state.bind(node.detail[0], ("connection", connection))
        case "derive":
            if node.detail[1]:
                state = state.bind(node.detail[1], ("jetstream", connection))
            return node.edges["ok"], state
        case "dial":
            return node.edges["ok"], state
        case "asks" if state.status(connection) == CLOSED:
            return node.edges["true"], state
    return Spot(node, state, connection)
