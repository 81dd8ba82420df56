"""The helpers that rules declare: functions that open, derive or close, and their context managers."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal

# The role of a function for a connection.
Role = Literal["opens", "derives", "closes"]
# What a context manager yields: the connection, the connection and its JetStream, or a bucket.
Gives = Literal["connection", "jetstream", "bucket"]

BUCKET: Final = "bucket"
CLOSING_METHODS = frozenset({"close", "drain"})


@dataclass(frozen=True, eq=False)
class DeclaredHelper:
    """A function that a rule's metadata declares.

    Attributes:
        rule: The rule's id.
        origins: The dotted names that the function is imported by.
        role: Its role.
        signature: Its parameters. A parameter with the default ``...`` is written only where the
            caller gives it; the text of any other default is written into the manager's call.
        becomes: The call of the context manager that replaces it, by what the manager yields.
        module: The module of the context managers; empty for that of the function itself.
        own_connection: The argument that makes a manager open a connection of its own; empty for
            managers that always do.
        closed_by: The closes that the manager's end replaces: ``close``, ``drain``, names of helpers.
        gives_client: Whether it returns nats-py's client, which is a context manager itself.
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
        """The name of the context manager that yields this kind."""
        function = self.becomes[gives].func
        assert isinstance(function, ast.Name)
        return function.id

    def is_closed_by(self, way: str) -> bool:
        """Whether the manager's end replaces a close by this method or helper."""
        return any(_same(way, origin) for origin in self.closed_by)


class DeclaredHelpers:
    """All functions that the rules of a run declare."""

    def __init__(self, helpers: Iterable[DeclaredHelper]) -> None:
        self._by_name: dict[str, list[DeclaredHelper]] = {}
        for helper in helpers:
            for last in {origin.rpartition(".")[2] for origin in helper.origins}:
                self._by_name.setdefault(last, []).append(helper)

    def __iter__(self) -> Iterator[DeclaredHelper]:
        yield from dict.fromkeys(helper for found in self._by_name.values() for helper in found)

    def find(self, name: str | None) -> DeclaredHelper | None:
        """The helper that a name refers to, resolved by the imports of its file."""
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
    """Whether a name, resolved by its file's imports, may refer to an origin."""
    if name == origin:
        return True
    first, _, last = name.rpartition(".")
    if last != origin.rpartition(".")[2]:
        return False
    # A relative import omits its package; an unbound name may come from a star import.
    if name.startswith(".") or not first:
        return "." in origin and f".{origin}".endswith(f".{name.lstrip('.')}")
    # A package may re-export names of its modules.
    return first.partition(".")[0] == origin.partition(".")[0]
