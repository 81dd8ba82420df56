"""An instrument that runs a function and writes down every effect, with a fault at one of them.

It stands in for no server: it shows the order of effects, on paths that no server would take twice.
Awaits complete at once; what would run meanwhile (a callback, a task) runs inside of them.
"""

from __future__ import annotations

import ast
import asyncio
import builtins
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import CodeType, SimpleNamespace
from typing import Any

import nats.errors

# The names of connections in traced functions.
HANDLES = frozenset({"nc", "other", "source", "target"})
FAULTS: dict[str, Callable[[], BaseException]] = {
    "error": lambda: ValueError("injected"),
    "cancellation": lambda: asyncio.CancelledError("injected"),
    "nats error": lambda: nats.errors.TimeoutError(),
}


@dataclass(frozen=True)
class Event:
    """One effect.

    Attributes:
        name: What happened; equal effects are counted.
        kind: ``hard`` keeps its place, ``soft`` cannot reach a connection, ``close`` ends one,
            ``guard`` asks whether one is closed, ``task`` happens beside the function.
        connection: The connection that a close ends.
        leaving: The connection that a block closes meanwhile, on the way out of an exception.
    """

    name: str
    kind: str = "hard"
    connection: str = ""
    leaving: str = ""


@dataclass
class World:
    """What a function under trace can reach, and what it did.

    Attributes:
        fault: Name of the effect that fails, and how; empty for none.
        answers: What the questions of the function are answered with, by turns.
    """

    fault: tuple[str, str] = ("", "")
    answers: tuple[bool, ...] = (True,)
    events: list[Event] = field(default_factory=list)
    clients: list[Client] = field(default_factory=list)
    tasks: list[Coroutine[Any, Any, Any]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    failed: Event | None = None
    asked: int = 0
    leaving: str = ""
    unbound: int | None = None

    def hold_bound(self, names: list[str], bound: dict[str, object]) -> None:
        """Note where a ``finally`` begins that closes a name without a value."""
        if self.unbound is None and not bound.keys() >= set(names):
            self.unbound = len(self.events)

    def happens(self, name: str, kind: str = "hard", connection: str = "") -> None:
        """Write an effect down, and fail at it if that is its turn."""
        self.counts[name] += 1
        event = Event(f"{name} #{self.counts[name]}", kind, connection, self.leaving)
        self.events.append(event)
        if event.name == self.fault[0]:
            self.failed = event
            raise FAULTS[self.fault[1]]()

    async def let_others_run(self) -> None:
        """Run what waits: tasks, and callbacks of subscriptions."""
        while self.tasks:
            first = len(self.events)
            with suppress(Exception, asyncio.CancelledError):
                await self.tasks.pop(0)
            # A task may run at any await: its place has no meaning.
            self.events[first:] = [replace(event, kind="task") for event in self.events[first:]]
        for client in self.clients:
            await client.deliver()

    # -- what the function is given

    async def step(self, name: str) -> str:
        """An awaited effect."""
        self.happens(f"step {name}")
        await self.let_others_run()
        return name

    def note(self, *values: object) -> None:
        """An effect that awaits nothing and has nothing to do with a connection."""
        self.happens(f"note {values!r}", "soft")

    def log(self, *values: object) -> None:
        """The same, as a log has it."""
        self.happens(f"log {values!r}", "soft")

    async def ask(self, name: str) -> bool:
        """A question."""
        self.happens(f"ask {name}")
        await self.let_others_run()
        self.asked += 1
        return self.answers[self.asked % len(self.answers)]

    def lock(self, name: str) -> Gate:
        """An async context manager."""
        return Gate(self, name)

    def file(self, name: str) -> Gate:
        """A context manager."""
        return Gate(self, name)

    def spawn(self, task: Coroutine[Any, Any, Any]) -> None:
        """Start a task beside the function."""
        self.tasks.append(task)

    # -- nats-py, naq

    def client_class(self) -> type[Client]:
        """The clients of this world."""
        return Client

    def jetstream_class(self) -> type[JetStream]:
        """What is derived from them."""
        return JetStream

    async def connect(self, url: str, **options: Any) -> Client:
        """`nats.connect`."""
        client = self.client_class()(self)
        await client.connect(url, **options)
        return client

    def client(self) -> Client:
        """`NATS()`."""
        return self.client_class()(self)

    async def helper(self, url: str) -> Client:
        """naq's `get_nats_connection`."""
        return await self.connect(url)

    async def derive(self, client: Client) -> JetStream:
        """naq's `get_jetstream_context`."""
        return client.jetstream()

    async def close(self, client: object = None) -> None:
        """naq's `close_nats_connection`; without a client it closes what the pool holds."""
        given = [client] if isinstance(client, Client) else list(self.clients)
        for each in given:
            await each.close()

    def modules(self) -> dict[str, Any]:
        """The modules that the function imports."""
        module = SimpleNamespace(
            connect=self.connect,
            NATS=ClientClass(self.client),
            Client=ClientClass(self.client),
            errors=nats.errors,
        )
        naq = SimpleNamespace(
            get_nats_connection=self.helper,
            get_jetstream_context=self.derive,
            close_nats_connection=self.close,
            nats_connection=lambda url, **options: Manager(self, url, 1, **options),
            nats_jetstream=lambda url, **options: Manager(self, url, 2, **options),
            nats_kv_store=lambda name, url, **options: Manager(
                self, url, 3, bucket=name, **options
            ),
        )
        return {
            "nats": module,
            "nats.aio.client": module,
            "nats.errors": nats.errors,
            "naq.connection": naq,
            "asyncio": asyncio,
            "contextlib": __import__("contextlib"),
        }


@dataclass(frozen=True)
class ClientClass:
    """nats-py's class of clients, as far as it is called and asked for the name of a state."""

    make: Callable[[], Client]
    CLOSED: str = "closed"

    def __call__(self) -> Client:
        """`NATS()`."""
        return self.make()


class Client:
    """A client of nats-py, as far as its order of effects goes."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.name = ""
        self.state = "made"
        self.on_close: list[Callable[[], Coroutine[Any, Any, None]]] = []
        self.handlers: list[Callable[[str], Coroutine[Any, Any, None]]] = []
        self.waiting = 0
        self.leased = False
        self.managed = False

    def __repr__(self) -> str:
        return f"client {self.name}"

    async def connect(self, url: str, **options: Any) -> None:
        """Connect; a client that fails to connect may still hold a socket."""
        names = [client.name for client in self.world.clients]
        self.name = f"{url}{sum(name.startswith(url) for name in names)}"
        self.world.clients.append(self)
        self.on_close = [options[key] for key in ("disconnected_cb", "closed_cb") if key in options]
        self.world.happens(f"connect {self.name}")
        self.state = "open"

    async def _use(self, name: str) -> None:
        self.world.happens(f"{name} on {self.name} ({self.state})")
        await self.world.let_others_run()
        if self.state != "open":
            raise nats.errors.ConnectionClosedError

    async def deliver(self) -> None:
        """Call back for a message that waits."""
        while self.state == "open" and self.waiting and self.handlers:
            self.waiting -= 1
            for handler in self.handlers:
                # nats-py gives the error of a callback to `error_cb`: nothing else sees it.
                with suppress(Exception, asyncio.CancelledError):
                    await handler("message")

    async def publish(self, subject: str, data: bytes = b"") -> None:
        """Publish; a subscription hears it at the next await."""
        await self._use(f"publish {subject}")
        self.waiting += bool(self.handlers)

    async def request(self, subject: str, data: bytes = b"") -> str:
        """Ask a service."""
        await self._use(f"request {subject}")
        return f"reply to {subject}"

    async def flush(self) -> None:
        """Flush."""
        await self._use("flush")

    async def subscribe(self, subject: str, cb: Any = None) -> None:
        """Subscribe, with a callback or without."""
        await self._use(f"subscribe {subject}")
        if cb is not None:
            self.handlers.append(cb)

    def jetstream(self) -> JetStream:
        """Derive JetStream."""
        return self.world.jetstream_class()(self)

    @property
    def is_closed(self) -> bool:
        """Whether it is closed; reading it is written down, and cannot fail."""
        closed = self.state == "closed"
        self.world.events.append(Event(f"is_closed of {self.name}: {closed}", "guard"))
        return closed

    @property
    def _status(self) -> str:
        return self.state if not self.is_closed else "closed"

    async def close(self) -> None:
        """Close: the callbacks run, and everything that waits."""
        if self.state == "closed":
            return
        if not self.name:
            self.state = "closed"
            raise AssertionError("Client.connect must be called first")
        # Whatever becomes of it, the client is closed.
        was, self.state = self.state, "closing"
        try:
            self.world.happens(f"close of {self.name}", "close", self.name)
            if was == "open":
                self.state = "open"
                await self.world.let_others_run()
        finally:
            self.state = "closed"
        for callback in self.on_close:
            await callback()

    async def close_leaving(self, *, leaving: bool) -> None:
        """Close at the end of a block."""
        outer, self.world.leaving = self.world.leaving, self.name if leaving else ""
        try:
            await self.close()
        finally:
            self.world.leaving = outer

    async def drain(self) -> None:
        """Drain, then close."""
        if self.state == "closed":
            raise nats.errors.ConnectionClosedError
        if not self.name:
            raise AssertionError("Client.connect must be called first")
        self.world.happens(f"drain of {self.name}", "close", self.name)
        await self.world.let_others_run()
        self.state = "closed"
        for callback in self.on_close:
            await callback()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        await self.close_leaving(leaving=kind is not None)


@dataclass(repr=False)
class JetStream:
    """A JetStream context, or a bucket."""

    client: Client
    name: str = "js"

    def __repr__(self) -> str:
        return f"{self.name} of {self.client!r}"

    async def key_value(self, bucket: str) -> JetStream:
        """Bind a bucket."""
        await self.client._use(f"bind {bucket}")
        return type(self)(self.client, bucket)

    async def publish(self, subject: str, data: bytes = b"") -> None:
        """Publish."""
        await self.client._use(f"publish {subject} by {self.name}")

    async def put(self, key: str, value: bytes) -> None:
        """Put."""
        await self.client._use(f"put {key} in {self.name}")

    async def get(self, key: str) -> str:
        """Get."""
        await self.client._use(f"get {key} of {self.name}")
        return f"value of {key}"


@dataclass
class Manager:
    """One of naq's context managers."""

    world: World
    url: str
    size: int
    bucket: str = ""
    exclusive: bool = False
    client: Client | None = None

    async def __aenter__(self) -> Any:
        self.client = await self.world.connect(self.url)
        self.client.leased = not self.exclusive
        self.client.managed = True
        if self.size == 1:
            return self.client
        if self.size == 2:
            return self.client, self.client.jetstream()
        try:
            return await self.client.jetstream().key_value(self.bucket)
        except BaseException:
            await self._end(leaving=True)
            raise

    async def _end(self, *, leaving: bool) -> None:
        assert self.client is not None
        if self.client.leased:
            self.client.state = "closed"
        else:
            await self.client.close_leaving(leaving=leaving)

    async def __aexit__(self, kind: object, *_: object) -> None:
        await self._end(leaving=kind is not None)


@dataclass
class Gate:
    """A context manager whose entry and exit are effects."""

    world: World
    name: str

    def __enter__(self) -> str:
        self.world.happens(f"enter {self.name}")
        return self.name

    def __exit__(self, *_: object) -> None:
        self.world.happens(f"exit {self.name}")

    async def __aenter__(self) -> str:
        self.world.happens(f"enter {self.name}")
        await self.world.let_others_run()
        return self.name

    async def __aexit__(self, *_: object) -> None:
        self.world.happens(f"exit {self.name}")
        await self.world.let_others_run()


@dataclass(frozen=True)
class Trace:
    """What one run did.

    Attributes:
        events: Its effects, in order.
        outcome: What it returned or raised.
        open: The connections that it left open.
        leased: The connections that were on a shared lease.
        managed: The connections that were naq's managers'.
        failed: The effect that failed.
        unbound: How many effects came before a name was closed that was never bound, None if none was.
        called_back: The connections with callbacks that run at their close.
    """

    events: tuple[Event, ...]
    outcome: str
    open: frozenset[str]
    leased: frozenset[str]
    managed: frozenset[str]
    failed: Event | None
    unbound: int | None
    called_back: frozenset[str]


class _Watched(ast.NodeTransformer):
    """Lets each ``finally`` report names that it closes and that are not bound."""

    def visit_Try(self, node: ast.Try) -> ast.AST:
        self.generic_visit(node)
        names = {
            part.id
            for statement in node.finalbody
            for part in ast.walk(statement)
            if isinstance(part, ast.Name) and part.id in HANDLES
        }
        if names:
            node.finalbody[:0] = ast.parse(f"hold_bound({sorted(names)}, locals())").body
        return node


def compiled(text: str) -> CodeType:
    """A module that defines ``work``."""
    tree = _Watched().visit(ast.parse(text))
    return compile(ast.fix_missing_locations(tree), "work.py", "exec")


def run(code: CodeType, world: World) -> Trace:
    """Run ``work("url")`` in a world."""
    modules = world.modules()

    def bring(
        name: str, globals_: Any = None, locals_: Any = None, names: Any = (), level: int = 0
    ) -> Any:
        found = modules[name]
        return found if names else modules[name.partition(".")[0]]

    scope: dict[str, Any] = {"__builtins__": {**vars(builtins), "__import__": bring}}
    exec(code, scope)
    scope.update(
        step=world.step,
        note=world.note,
        logger=SimpleNamespace(info=world.log),
        ask=world.ask,
        lock=world.lock,
        file=world.file,
        spawn=world.spawn,
        hold_bound=world.hold_bound,
    )
    return traced(scope["work"]("url"), world)


def traced(coroutine: Coroutine[Any, Any, Any], world: World) -> Trace:
    """Run a coroutine to its end in a world."""
    try:
        coroutine.send(None)
        outcome = "it did not end"
    except StopIteration as end:
        outcome = f"returns {end.value!r}"
    except BaseException as error:  # noqa: BLE001 - whatever the function raises is its outcome
        # The text of an UnboundLocalError names one of the names that a failed connect left unbound.
        text = "" if isinstance(error, UnboundLocalError) else f": {error}"
        outcome = f"raises {type(error).__name__}{text}"
    coroutine.close()
    for task in world.tasks:
        task.close()
    return Trace(
        tuple(world.events),
        outcome,
        frozenset(client.name for client in world.clients if client.state == "open"),
        frozenset(client.name for client in world.clients if client.leased),
        frozenset(client.name for client in world.clients if client.managed),
        world.failed,
        world.unbound,
        frozenset(client.name for client in world.clients if client.on_close),
    )
