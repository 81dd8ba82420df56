"""Turns the region of a hand-managed connection into an ``async with``."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from flake8_naq.lifetimes import Site
from flake8_naq.migrate.message import Line, RefusedError
from flake8_naq.migrate.plan.block_header import BlockHeader
from flake8_naq.migrate.plan.closes import Close
from flake8_naq.migrate.plan.effects import Effects
from flake8_naq.migrate.plan.headers import Headers
from flake8_naq.migrate.plan.module import Module
from flake8_naq.migrate.plan.needed import Target
from flake8_naq.migrate.plan.region import Region
from flake8_naq.migrate.plan.regions import find_region
from flake8_naq.migrate.plan.rewrite import Rewrite
from flake8_naq.migrate.syntax import constants, is_none, last_line


def plan_rewrite(
    module: Module, site: Site, target: Target, *, keep_early: bool = False
) -> Rewrite:
    """Decide how one hand-managed connection becomes an ``async with``.

    Args:
        module: The file.
        site: The connection.
        target: Whose context manager it becomes.
        keep_early: Whether closes before a `return` or a `raise` stay in their place.

    Raises:
        RefusedError: It stays as it is, for the reason that the message gives.
    """
    return _Planner(module, find_region(module, site), target, keep_early).plan()


@dataclass
class _Planner:
    module: Module
    region: Region
    target: Target
    keep_early: bool

    def plan(self) -> Rewrite:
        region = self.region
        self._check_lines()
        removed, kept = self._closes()
        effects = Effects(self.module, region, self.target)
        unsafe = effects.leaks(removed + kept)
        notes = effects.notes(removed, kept)
        header = Headers(self.module, region).header(self.target, removed)
        guard = region.guard
        first = region.anchor.lineno
        if region.made is not None and region.made in header.taken:
            first = region.made.lineno
        inits = self._inits(header)
        first = min([first, *(init.lineno for init in inits)])
        if region.shape == "inside-try" and guard is not None:
            first = min(first, guard.lineno)
        unsafe += effects.handler_changes(kept, header) + effects.other_kind()
        unsafe += effects.given_by_callers() + effects.shared_closes(removed)

        return Rewrite(
            self.module,
            region,
            header,
            removed,
            kept,
            inits,
            first,
            last_line(region.end),
            unsafe,
            notes,
            self._dropped(removed, header, inits),
        )

    def _check_lines(self) -> None:
        region, source = self.region, self.module.source
        statements = [region.acquire, *(close.statement for close in region.closes), *region.inits]
        if region.made is not None:
            statements.append(region.made)
        guard = region.guard
        for statement in statements:
            if guard is not None and statement in guard.finalbody and len(guard.finalbody) == 1:
                continue  # `finally: await nc.close()` on one line goes as a whole
            if not source.alone(statement):
                raise RefusedError(Line(statement.lineno), " holds more than one statement")
        if guard is not None and (not source.alone(guard) or guard.body[0].lineno == guard.lineno):
            raise RefusedError(Line(guard.lineno), " holds more than one statement")

    def _closes(self) -> tuple[list[Close], list[Close]]:
        """The closes that go, and those that stay in their place."""
        region = self.region
        removed: list[Close] = []
        kept: list[Close] = []
        for close in region.closes:
            (kept if self._stays(close) else removed).append(close)
        guard = region.guard
        if region.shape == "inside-try" and guard is not None and guard.handlers:
            final = [close for close in region.closes if close.statement in guard.finalbody]
            if any(close in kept for close in final):
                # The whole `finally` moves into the block, below its body.
                if region.others or len(final) < len(guard.finalbody):
                    raise RefusedError(
                        "the `finally` on ",
                        Line(final[0].statement.lineno),
                        " does more than to close",
                    )
                removed = [close for close in removed if close not in final]
                kept += [close for close in final if close not in kept]
        if self.target == "naq" and kept:
            among_others = kept[0].method == "several"
            reason = "stands among other calls" if among_others else "does not end its use"
            raise RefusedError("the close on ", Line(kept[0].statement.lineno), f" {reason}")
        return removed, kept

    def _stays(self, close: Close) -> bool:
        region, guard = self.region, self.region.guard
        if close.method == "several":
            return True
        if self.target == "nats-py" and (close.method == "drain" or close.swallows):
            return True
        place = self.module.blocks.place(close.statement)
        if guard is not None and close.statement in guard.finalbody:
            after = guard.finalbody[place.index + 1 :]
            before = guard.finalbody[: place.index]
            own = list(region.others)
            if region.shape == "before-try":
                return any(statement in own for statement in after)
            return any(statement in own for statement in before)
        if guard is None and close.statement in self.region.siblings(self.module):
            # Of several closes in a row, the order does not matter; what comes after does.
            rest = self.region.siblings(self.module)
            tail = rest[rest.index(close.statement) : rest.index(region.end) + 1]
            closing = [close.statement for close in region.closing]
            return any(statement not in closing for statement in tail)
        following = place.block[place.index + 1 :]
        if not following or self.keep_early:
            return True
        match following[0]:
            case ast.Return(value=None | ast.Constant() | ast.Name()):
                return False
            case ast.Raise():
                return False
        return True

    def _inits(self, header: BlockHeader) -> list[ast.stmt]:
        """The ``= None`` that nobody needs any more."""
        region = self.region
        gone = {region.handle, *header.gone}
        inits: list[ast.stmt] = []
        for name in gone:
            named = self.module.mentions(region.scope, name)
            first = min(
                [region.acquire.lineno, *(m.line for m in named if m.line > region.acquire.lineno)]
            )
            found = [
                statement
                for mention in named
                if mention.line < first
                and isinstance(
                    statement := self.module.parents[mention.node], (ast.Assign, ast.AnnAssign)
                )
                and statement.value is not None
                and is_none(statement.value)
                and not (isinstance(statement, ast.Assign) and len(statement.targets) > 1)
            ]
            ours = {id(statement) for statement in found}
            closing = {node for close in region.closes for node in ast.walk(close.statement)}
            last = last_line(region.end)
            if region.shape == "inside-try" and region.guard is not None:
                last = last_line(region.guard.body[-1])
            outside = [
                mention
                for mention in named
                if mention.node not in closing
                and id(self.module.parents[mention.node]) not in ours
                and not region.acquire.lineno <= mention.line <= last
            ]
            if not outside and all(self.module.source.alone(statement) for statement in found):
                inits += [statement for statement in found if self._spare(statement)]
        return inits

    def _spare(self, statement: ast.stmt) -> bool:
        """Whether a block is left when a statement goes."""
        return len(self.module.blocks.place(statement).block) > 1

    def _dropped(
        self, removed: list[Close], header: BlockHeader, inits: list[ast.stmt]
    ) -> list[str]:
        nodes: list[ast.AST] = [close.statement for close in removed]
        nodes += inits
        for statement in (self.region.acquire, *header.taken):
            if isinstance(statement, ast.AnnAssign):
                nodes.append(statement.annotation)
        return [constant for node in nodes for constant in constants(node)]
