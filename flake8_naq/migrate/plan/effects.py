"""The effects of a rewrite: the reasons that make it unsafe, and the notes for a reviewer."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from flake8_naq.message import Line, Message, RefusedError
from flake8_naq.migrate.plan.block_header import BlockHeader
from flake8_naq.migrate.plan.closing_statements import ClosingStatement
from flake8_naq.migrate.plan.lease_uses import calls_back
from flake8_naq.migrate.plan.needed import Target
from flake8_naq.migrate.plan.parsed_module import ParsedModule
from flake8_naq.migrate.plan.region import Region
from flake8_naq.migrate.tree import all_arguments, last_line
from flake8_naq.names import lookup_chain, own_nodes

_HANDLERS_OF_ALL = frozenset({"BaseException", "CancelledError"})


@dataclass(frozen=True, slots=True)
class Effects:
    """The effects on one connection."""

    module: ParsedModule
    region: Region
    target: Target

    def leaks(self, closes: list[ClosingStatement]) -> list[Message]:
        """Paths that left the connection open and now close it."""
        region = self.region
        if region.shape == "never":
            return [self._never_closed()]
        closing = {close.statement for close in closes}
        found = [
            Message("adds a close on ", Line(node.lineno), f", where `{region.handle}` stayed open")
            for node in self._own_statements()
            if self._leaves_open(node, closing)
        ]
        if region.shape == "straight" and self._swallowed() and self._listens():
            found.append(
                Message(
                    f"adds a close on errors; until now `{region.handle}` and its subscriptions "
                    "stayed open"
                )
            )
        return found

    def _never_closed(self) -> Message:
        region = self.region
        if self._listens() and not _waits(region.end):
            raise RefusedError(
                f"its callbacks work for as long as `{region.handle}` is open: "
                "close it where the program ends"
            )
        closed = "was closed in some branches only" if region.closes else "was never closed"
        return Message(
            f"`{region.handle}` {closed}; it now closes when the block ends, after ",
            Line(last_line(region.end)),
        )

    def _leaves_open(self, node: ast.stmt, closing: set[ast.stmt]) -> bool:
        """Whether a jump leaves the region, without a close before it or in a ``finally``."""
        if not isinstance(node, (ast.Return, ast.Break, ast.Continue)):
            return False
        if isinstance(node, (ast.Break, ast.Continue)) and self._loops_inside(node):
            return False
        guard = self.region.guard
        if guard is not None and _inside(self.module, node, guard):
            return False
        place = self.module.blocks.place(node)
        return not any(before in closing for before in place.block[: place.index])

    def _own_statements(self) -> Iterator[ast.stmt]:
        region = self.region
        for node in own_nodes(region.scope.node):
            if isinstance(node, ast.stmt) and last_line(region.anchor) < node.lineno <= last_line(
                region.end
            ):
                yield node

    def _loops_inside(self, node: ast.stmt) -> bool:
        for owner, field in self.module.blocks.ancestors(node):
            if isinstance(owner, (ast.For, ast.AsyncFor, ast.While)) and field == "body":
                return owner.lineno > self.region.acquire.lineno
        return False

    def _swallowed(self) -> bool:
        return any(
            isinstance(owner, ast.Try) and field == "body" and owner.handlers
            for owner, field in self.module.blocks.ancestors(self.region.anchor)
        )

    def _listens(self) -> bool:
        return any(
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "subscribe"
            and calls_back(node)
            for node in own_nodes(self.region.scope.node)
        )

    def handler_changes(self, kept: list[ClosingStatement], header: BlockHeader) -> list[Message]:
        """Effects on the ``except`` clauses around an acquisition: the close runs before them."""
        guard = self.region.guard
        if self.region.shape != "inside-try" or guard is None:
            return []
        # The end of a lease on a shared connection closes nothing.
        if header.leases:
            return []
        drains = [
            Message(
                f"an error of the {'drain' if close.method == 'drain' else 'close'} on ",
                Line(close.statement.lineno),
                " now reaches the `except` clauses",
            )
            for close in kept
            if guard.handlers
            and close.statement in guard.finalbody
            and not _swallows(close.statement)
        ]
        cancelled = [
            Message(
                "the `except` on ",
                Line(handler.lineno),
                " now also sees a cancellation of the close",
            )
            for handler in guard.handlers
            if handler.type is None
            or any(
                isinstance(node, (ast.Name, ast.Attribute))
                and (node.id if isinstance(node, ast.Name) else node.attr) in _HANDLERS_OF_ALL
                for node in ast.walk(handler.type)
            )
        ]
        late = [
            Message(
                "the `except` on ",
                Line(handler.lineno),
                " runs after the connection is closed, no longer before",
            )
            for handler in guard.handlers
            if self._sees_the_close(handler.body)
        ]
        if guard.handlers and self._sees_the_close(guard.orelse):
            late.append(
                Message(
                    Line(guard.orelse[0].lineno),
                    " runs after the connection is closed, no longer before",
                )
            )
        return drains + cancelled + late

    def _sees_the_close(self, block: list[ast.stmt]) -> bool:
        """Whether statements can observe that the connection is closed: they await, or use it."""
        return any(
            isinstance(node, (ast.Await, ast.AsyncFor, ast.AsyncWith, ast.Yield, ast.YieldFrom))
            or (isinstance(node, ast.Name) and node.id == self.region.handle)
            for statement in block
            for node in ast.walk(statement)
        )

    def shared_closes(self, removed: list[ClosingStatement]) -> list[Message]:
        """Other connections that lose their only close with this one: the pool's is for all."""
        going = {close.call for close in removed if close.method == "pooled"}
        return [
            Message(
                Line(site.releases[0].call.lineno),
                f" closed `{site.handle}` too, which nothing else closes",
            )
            for site in self.module.analysis.sites
            if site.handle != self.region.handle
            and site.scope is self.region.site.scope
            and site.releases
            and all(release.call in going for release in site.releases)
        ]

    def given_by_callers(self) -> list[Message]:
        """Effects where a caller may pass the opener."""
        opener = self.region.site.call.func
        root = ast.unparse(opener).partition(".")[0]
        for scope in lookup_chain(self.region.scope):
            if isinstance(scope.node, (ast.FunctionDef, ast.AsyncFunctionDef)) and any(
                argument.arg == root for argument in all_arguments(scope.node.args)
            ):
                return [
                    Message(
                        f"`{root}` is a parameter: what callers pass for it must give a client "
                        "that `async with` takes"
                    )
                ]
        return []

    def other_kind(self) -> list[Message]:
        """Effects of a target other than that of the code's own helpers."""
        helper = self.module.helper(self.region.site)
        if helper is None:
            return self._unknown_opener()
        client = helper.gives_client
        if self.target == "naq" and client:
            return [
                Message("the connection becomes a shared one, with the settings of naq's `Config`")
            ]
        pooled = any(close.method in ("helper", "pooled") for close in self.region.closes)
        if self.target == "nats-py" and not client and pooled:
            return [
                Message(
                    "the block closes the connection itself, which naq's helper might have shared"
                )
            ]
        return []

    def _unknown_opener(self) -> list[Message]:
        """Effects for a configured opener that no rule declares."""
        function = self.region.site.call.func
        name = self.module.analysis.names.resolve(function, self.region.scope)
        if name is None or not self.module.vocabulary.is_configured(name):
            return []
        return [
            Message(
                f"no rule declares that `{ast.unparse(function)}` gives a client of nats-py, "
                "which `async with` needs"
            )
        ]

    def notes(self, removed: list[ClosingStatement], kept: list[ClosingStatement]) -> list[Message]:
        """The notes for the reviewer of a safe rewrite."""
        region = self.region
        notes = [
            Message(
                Line(close.statement.lineno),
                f" closed the pool's connection, not `{region.handle}`",
            )
            for close in removed
            if close.method == "pooled"
        ]
        notes += dict.fromkeys(note for close in removed for note in self._other_order(close, kept))
        if (
            region.shape == "inside-try"
            and not region.inits
            and region.made is None
            and any(isinstance(close.statement, ast.Expr) and close.handle for close in removed)
        ):
            notes.append(
                Message(
                    f"a failed connect raised an UnboundLocalError for `{region.handle}`; "
                    "its own error is no longer hidden"
                )
            )
        guard = region.guard
        if region.shape == "around-try" and guard is not None and region.acquire != guard.body[0]:
            notes.append(
                Message(
                    "an error before ",
                    Line(region.acquire.lineno),
                    " ends in nats-py's AssertionError, no longer in an UnboundLocalError for "
                    f"`{region.handle}`",
                )
            )
        return notes

    def _other_order(
        self, close: ClosingStatement, kept: list[ClosingStatement]
    ) -> Iterator[Message]:
        """Connections that the same block closes: nested blocks close from the inside out."""
        region = self.region
        block = self.module.blocks.place(close.statement).block
        opened = {
            site.handle: site.statement.lineno
            for site in self.module.analysis.sites
            if site.scope is region.site.scope and site.statement.lineno <= close.statement.lineno
        }
        # A `finally` that closes other connections too stays around the block.
        outside = region.shape == "inside-try" and not kept
        for other in region.all_closes:
            if other.handle not in opened or other.statement not in block:
                continue
            later = other.statement.lineno > close.statement.lineno
            if outside and not later and other.handle != region.handle:
                yield Message(
                    f"`{region.handle}` was closed after `{other.handle}`, and is now closed before it"
                )
            elif not outside and later and opened[other.handle] > region.acquire.lineno:
                yield Message(
                    f"`{region.handle}` was closed before `{other.handle}`, and is now closed after it"
                )


def _inside(module: ParsedModule, node: ast.stmt, guard: ast.Try) -> bool:
    return any(
        owner is guard and field != "finalbody" for owner, field in module.blocks.ancestors(node)
    )


def _waits(statement: ast.stmt) -> bool:
    """Whether a statement may take long: a loop, one await, or a block that ends in such."""
    match statement:
        case ast.While() | ast.AsyncFor():
            return True
        case ast.Try(body=[*_, last]) | ast.With(body=[*_, last]) | ast.AsyncWith(body=[*_, last]):
            return _waits(last)
        case ast.Expr(value=ast.Await(value=ast.Call(func=ast.Attribute(attr=method)))):
            return method not in ("subscribe", "publish", "flush")
    return False


def _swallows(statement: ast.stmt) -> bool:
    """Whether the statement itself catches the errors of a close."""
    return any(
        isinstance(node, ast.With) or (isinstance(node, ast.Try) and node.handlers)
        for node in ast.walk(statement)
    )
