"""The result of the analysis: every connection of a module, and how it ends."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from flake8_naq.names import Names, ScopeNode
from flake8_naq.names.vocabulary import Flavour, HandleKind

# What stands at one position of what a function hands out.
Returned: TypeAlias = Literal["connection", "jetstream", "kv", "subscription", "other"] | None
ReleaseMethod = Literal["close", "drain", "helper"]
EscapeKind = Literal["returned", "yielded", "stored", "container", "argument", "captured"]
Deferral = Literal["task", "returned", "kept"]
Closing = Literal["finally", "straight", "some", "never", "elsewhere"]


@dataclass(eq=False, slots=True)
class Derived:
    """A handle derived from a connection; it works only while the connection is open.

    Attributes:
        kind: Its kind.
        name: Name or dotted attribute it is bound to, None when it is used at once.
        call: The deriving call.
        statement: The statement that the call stands in.
        parent: Name of the handle that it comes from, None for one without a name.
        bucket: The bucket's name as written, of a key-value bucket.
    """

    kind: HandleKind
    name: str | None
    call: ast.Call
    statement: ast.stmt
    parent: str | None = None
    bucket: ast.expr | None = None


@dataclass(eq=False, slots=True)
class Release:
    """A call that closes a connection, or means to.

    Attributes:
        call: The closing call.
        statement: The statement that it stands in.
        method: ``helper`` is a function that closes what it is given.
        matches: Whether it names this connection (or its URL); else it closes another one.
        in_finally: Whether it stands in a ``finally`` block of the connection's own function.
    """

    call: ast.Call
    statement: ast.stmt
    method: ReleaseMethod
    matches: bool = True
    in_finally: bool = False


@dataclass(eq=False, slots=True)
class Escape:
    """A place where the connection, or a handle of it, leaves the function.

    ``stored`` is an attribute, a global, or an item of something that outlives the function;
    ``container`` a local container; ``argument`` a call that may keep it; ``captured`` a nested
    function that outlives the call.
    """

    kind: EscapeKind
    node: ast.AST


@dataclass(eq=False, slots=True)
class LateUse:
    """A use that can only run after a close.

    Attributes:
        node: The used expression.
        how: ``after`` a close in the text; on the next ``turn`` of the loop around the close; in a
            ``task`` that the close does not wait for; in a function that is ``returned`` from the
            block that closes, or ``kept`` from its last statement.
    """

    node: ast.expr
    how: Literal["after", "turn"] | Deferral


@dataclass(eq=False, slots=True)
class Leak:
    """A path that ends with the connection still open.

    Attributes:
        line: The line that leaves the path: it raises, is cancelled, returns, or rebinds the name.
            With ``ends`` it is the last line of the function.
        how: The event on that line.
    """

    line: int
    how: Literal["raises", "cancelled", "returns", "ends", "rebound"]


@dataclass(eq=False, slots=True)
class Site:
    """One place that acquires a connection.

    Attributes:
        scope: The innermost function, class body or module around it.
        qualname: Dotted name of the scope, empty for the module.
        call: The acquiring call; findings stand where it starts.
        statement: The statement that the call stands in.
        handle: Name or dotted attribute the connection is bound to, None when it has none.
        url: The URL argument as written, None when there is none.
        flavour: ``naq`` for a helper, ``nats-py`` for the library itself.
        returned: What the acquiring call returns, when that is a tuple with the connection in it.
        factory: Dotted name of the project's own function that opens it, empty for any other.
        opener: The acquiring function as written, empty for the `connect` of a client.
        configured: Whether an option names the opener: what it returns need not be a client.
        manager: The context manager that an option names beside it, empty without one.
        awaits_close: Whether its close is to be awaited, as that of nats-py's client is.
        derived: Handles derived from it, in source order.
        releases: Calls that close it, or mean to, in source order.
        idle_closes: Calls of its close that nothing awaits; they do nothing.
        uses: Every other load of the handle or of a derived handle, in source order.
        escapes: Where it leaves the function.
        leaks: Paths that leave it open, the most definite first; empty when it is owned.
        late_uses: Uses (and derivations) that can only run after a close.
        closing: The closing habit.
        managed: Whether a context manager closes it.
        owned: Whether it leaves the function on purpose: no finding.
        in_loop: The loop or comprehension that opens it on each turn.
        collected: Whether it is kept in a local container.
        left_then_closed: Whether a block closes it (a `with` or a `finally`) on the way out with
            it, or with a handle of it.
        shared_with: Other connections that this one could do the work of, the first three.
    """

    scope: ScopeNode
    qualname: str
    call: ast.Call
    statement: ast.stmt
    handle: str | None
    url: ast.expr | None
    flavour: Flavour
    returned: tuple[Returned, ...] = ()
    factory: str = ""
    opener: str = ""
    configured: bool = False
    manager: str = ""
    awaits_close: bool = False
    derived: list[Derived] = field(default_factory=list)
    releases: list[Release] = field(default_factory=list)
    idle_closes: list[ast.Call] = field(default_factory=list)
    uses: list[ast.expr] = field(default_factory=list)
    escapes: list[Escape] = field(default_factory=list)
    leaks: list[Leak] = field(default_factory=list)
    late_uses: list[LateUse] = field(default_factory=list)
    closing: Closing = "never"
    managed: bool = False
    owned: bool = False
    in_loop: ast.AST | None = None
    collected: bool = False
    left_then_closed: bool = False
    shared_with: list[Site] = field(default_factory=list)

    @property
    def manual(self) -> bool:
        """Whether it is managed by hand, in this function."""
        return not (self.managed or self.owned)


@dataclass(eq=False, slots=True)
class Failure:
    """A function that could not be analysed."""

    scope: ScopeNode
    qualname: str
    error: Exception


@dataclass(eq=False, slots=True)
class ModuleAnalysis:
    """The result for one module.

    Attributes:
        tree: The module.
        names: The meaning of its names.
        sites: Every acquisition, in source order.
        failures: Functions that could not be analysed.
    """

    tree: ast.Module
    names: Names
    sites: list[Site] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    @property
    def manual(self) -> Iterator[Site]:
        """The connections that are managed by hand."""
        return (site for site in self.sites if site.manual)
