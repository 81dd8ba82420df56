"""Runs any coroutine under trace: whatever it is given, or imports, is a thing that writes down its use."""

from __future__ import annotations

import ast
import asyncio
import builtins
import importlib
import inspect
import sys
from collections.abc import AsyncIterator, Generator, Iterator
from types import CodeType, SimpleNamespace
from typing import Any

from tests.unit.migrate.tracing import Client, JetStream, Trace, World, traced


class Thing:
    """Anything: it can be called, awaited, entered, iterated; each use is an effect."""

    def __init__(self, world: World, name: str) -> None:
        self.__dict__.update(_world=world, _name=name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Thing(self._world, f"{self._name}.{name}")

    def __setattr__(self, name: str, value: object) -> None:
        self._world.happens(f"{self._name}.{name} = {value!r}")
        self.__dict__[name] = value

    def __call__(self, *args: object, **options: object) -> Thing:
        given = ", ".join(
            [*map(repr, args), *(f"{key}={value!r}" for key, value in options.items())]
        )
        self._world.happens(f"{self._name}({given})", "soft")
        return Thing(self._world, f"{self._name}()")

    def __await__(self) -> Generator[Any, Any, Thing]:
        self._world.happens(f"await {self._name}")
        yield from self._world.let_others_run().__await__()
        return Thing(self._world, f"awaited {self._name}")

    def __getitem__(self, key: object) -> Thing:
        return Thing(self._world, f"{self._name}[{key!r}]")

    def __setitem__(self, key: object, value: object) -> None:
        self._world.happens(f"{self._name}[{key!r}] = {value!r}")

    def __iter__(self) -> Iterator[Thing]:
        return iter([Thing(self._world, f"{self._name}[{number}]") for number in range(2)])

    async def __aiter__(self) -> AsyncIterator[Thing]:
        for item in self:
            self._world.happens(f"next of {self._name}")
            yield item

    def __enter__(self) -> Thing:
        self._world.happens(f"enter {self._name}")
        return self

    def __exit__(self, *_: object) -> None:
        self._world.happens(f"exit {self._name}")

    async def __aenter__(self) -> Thing:
        return self.__enter__()

    async def __aexit__(self, *_: object) -> None:
        self.__exit__()

    def __repr__(self) -> str:
        return str(self._name)

    def __format__(self, _: str) -> str:
        return str(self._name)

    def __bytes__(self) -> bytes:
        return str(self._name).encode()

    def __eq__(self, other: object) -> bool:
        return repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(self._name)

    def _made(self, other: object = "") -> Thing:
        return Thing(self._world, f"({self._name} with {other!r})")

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __truediv__ = __or__ = __mod__ = _made

    def _holds(self, _: object) -> bool:
        return False

    __lt__ = __gt__ = __le__ = __ge__ = __contains__ = _holds


class _AnyClient(Client):
    """A client with every method."""

    def __getattr__(self, name: str) -> Any:
        return Thing(self.world, f"{name} on {self.name}")


class _AnyJetStream(JetStream):
    """A JetStream context, or a bucket, with every method."""

    def __getattr__(self, name: str) -> Any:
        return Thing(self.client.world, f"{name} of {self.name} on {self.client.name}")


class AnyWorld(World):
    """A world in which everything can be imported."""

    def client_class(self) -> type[Client]:
        """Clients that take every call."""
        return _AnyClient

    def jetstream_class(self) -> type[JetStream]:
        """The same for what is derived."""
        return _AnyJetStream

    def imported(self, name: str) -> Any:
        """A module: nats-py's and naq's traced, those of Python as they are, all others things."""
        known = self.modules()
        if name == "asyncio":
            return _Asyncio(self)
        if name in known:
            return known[name]
        if name.rpartition(".")[2] == "connection":
            return known["naq.connection"]
        if name.startswith("nats") or name.partition(".")[0] in sys.stdlib_module_names:
            return importlib.import_module(name)
        return Thing(self, name)


class _Asyncio:
    """asyncio without a loop: what waits is over at once."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __getattr__(self, name: str) -> Any:
        found = getattr(asyncio, name)
        is_error = inspect.isclass(found) and issubclass(found, BaseException)
        return found if is_error else Thing(self._world, f"asyncio.{name}")

    async def wait_for(self, awaitable: Any, _: object = None, **__: object) -> Any:
        """Wait for something that is there."""
        return await awaitable

    shield = wait_for

    def create_task(self, task: Any) -> Thing:
        """Start a task."""
        self._world.spawn(task)
        return Thing(self._world, "task")

    ensure_future = create_task


def coroutines(
    tree: ast.AST, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], ast.AST]]:
    """The coroutines of a module and of its classes, by their path."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield from coroutines(node, (*path, node.name))
        elif isinstance(node, ast.AsyncFunctionDef):
            yield (*path, node.name), node


def changed(before: str, after: str) -> list[tuple[str, ...]]:
    """The coroutines that a rewrite changes."""
    old, new = (
        {path: ast.dump(node) for path, node in coroutines(ast.parse(text))}
        for text in (before, after)
    )
    return [path for path, text in old.items() if path in new and new[path] != text]


def run_any(code: CodeType, path: tuple[str, ...], world: AnyWorld) -> Trace:
    """Run one coroutine of a module, with things for its arguments."""

    def bring(
        name: str, globals_: Any = None, locals_: Any = None, names: Any = (), level: int = 0
    ) -> Any:
        return world.imported(name if names or level else name.partition(".")[0])

    scope: dict[str, Any] = {
        "__name__": "module",
        "__builtins__": {**vars(builtins), "__import__": bring, "print": Thing(world, "print")},
        "hold_bound": world.hold_bound,
    }
    exec(code, scope)
    found: Any = SimpleNamespace(**scope)
    for name in path:
        found = getattr(found, name)
    function = inspect.unwrap(found)
    arguments = [
        Thing(world, parameter.name)
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    world.events.clear()
    return traced(function(*arguments), world)
