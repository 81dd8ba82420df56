"""Functions that the rules give a meaning: what they open, derive or close, and what they become."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal

# What a function does to a connection.
Role = Literal["opens", "derives", "closes"]
# What a context manager gives: the connection, the connection and its JetStream, or a bucket.
Gives = Literal["connection", "jetstream", "bucket"]

BUCKET: Final = "bucket"
CLOSING_METHODS = frozenset({"close", "drain"})


@dataclass(frozen=True, eq=False)
class DeclaredHelper:
    """A function that a rule's metadata describe.

    Attributes:
        rule: The rule's id.
        origins: The dotted names that the function is imported by.
        role: What it does.
        signature: Its parameters. A default of ``...`` marks one that is left out where the caller
            leaves it out; the text of any other default is written into the manager's call.
        becomes: The call of the context manager that takes its place, by what the manager gives.
        module: The module of the context managers; empty for that of the function itself.
        own_connection: The argument that makes a manager open a connection of its own; empty for
            managers that always do.
        closed_by: What the manager's end stands for: ``close``, ``drain``, dotted names of helpers.
        gives_client: Whether it gives nats-py's client, which is a context manager itself.
    """

    rule: str
    origins: tuple[str, ...]
    role: Role
    signature: inspect.Signature
    becomes: Mapping[Gives, ast.Call] = field(default_factory=dict)
    module: str = ""
    own_connection: str = ""
    closed_by: frozenset[str] = frozenset()
    gives_client: bool = False

    @property
    def name(self) -> str:
        """Its last name."""
        return self.origins[0].rpartition(".")[2]

    def manager(self, gives: Gives) -> str:
        """The name of the context manager that gives something."""
        function = self.becomes[gives].func
        assert isinstance(function, ast.Name)
        return function.id

    def is_closed_by(self, way: str) -> bool:
        """Whether the manager's end does what a method or a helper does."""
        return any(_same(way, origin) for origin in self.closed_by)


class DeclaredHelpers:
    """All functions that the rules of a run give a meaning."""

    def __init__(self, helpers: Iterable[DeclaredHelper]) -> None:
        self._by_name: dict[str, list[DeclaredHelper]] = {}
        for helper in helpers:
            for last in {origin.rpartition(".")[2] for origin in helper.origins}:
                self._by_name.setdefault(last, []).append(helper)

    def __iter__(self) -> Iterator[DeclaredHelper]:
        yield from dict.fromkeys(helper for found in self._by_name.values() for helper in found)

    def find(self, name: str | None) -> DeclaredHelper | None:
        """The helper that a name stands for, as the imports of its file resolve it."""
        if not name:
            return None
        for helper in self._by_name.get(name.rpartition(".")[2], ()):
            if any(_same(name, origin) for origin in helper.origins):
                return helper
        return None

    @cached_property
    def openers(self) -> tuple[DeclaredHelper, ...]:
        """The helpers that open a connection."""
        return tuple(helper for helper in self if helper.role == "opens")


def _same(name: str, origin: str) -> bool:
    """Whether a name, as a file's imports resolve it, may mean an origin."""
    if name == origin:
        return True
    first, _, last = name.rpartition(".")
    if last != origin.rpartition(".")[2]:
        return False
    # A relative import leaves out where it starts; a name that nothing binds may be a star's.
    if name.startswith(".") or not first:
        return "." in origin and f".{origin}".endswith(f".{name.lstrip('.')}")
    # A package may offer again what its modules hold.
    return first.partition(".")[0] == origin.partition(".")[0]
