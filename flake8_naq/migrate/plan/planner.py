"""Turns the region of a hand-managed connection into an ``async with``."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from flake8_naq.lifetimes import Site
from flake8_naq.message import Line, RefusedError
from flake8_naq.migrate.plan.block_header import BlockHeader
from flake8_naq.migrate.plan.close_plan import ClosePlan
from flake8_naq.migrate.plan.closing_statements import ClosingStatement
from flake8_naq.migrate.plan.effects import Effects
from flake8_naq.migrate.plan.headers import HeaderChoice
from flake8_naq.migrate.plan.needed import Target
from flake8_naq.migrate.plan.orphaned_comments import orphaned_comments
from flake8_naq.migrate.plan.parsed_module import ParsedModule
from flake8_naq.migrate.plan.region import Region
from flake8_naq.migrate.plan.regions import find_region
from flake8_naq.migrate.plan.rewrite import Rewrite
from flake8_naq.migrate.tree import Mention, constants, is_none, last_line


def plan_rewrite(
    module: ParsedModule, site: Site, target: Target, *, keep_early: bool = False
) -> Rewrite:
    """Plan how one hand-managed connection becomes an ``async with``.

    Args:
        module: The file.
        site: The connection.
        target: The kind of context manager.
        keep_early: Whether closes before a `return` or a `raise` stay in their place.

    Raises:
        RefusedError: There is no plan; the message is the reason.
    """
    return _Planner(module, find_region(module, site), target, keep_early).plan()


@dataclass
class _Planner:
    module: ParsedModule
    region: Region
    target: Target
    keep_early: bool

    def plan(self) -> Rewrite:
        region = self.region
        self._check_lines()
        removed, kept = ClosePlan(self.module, region, self.target, self.keep_early).split()
        effects = Effects(self.module, region, self.target)
        unsafe = effects.leaks(removed + kept)
        notes = effects.notes(removed, kept)
        header = HeaderChoice(self.module, region).header(self.target, removed)
        guard = region.guard
        first = region.anchor.lineno
        if region.made is not None and region.made in header.taken:
            first = region.made.lineno
        inits = self._inits(header)
        gone = [*(close.statement for close in removed), *inits]
        notes += orphaned_comments(self.module.source, gone, guard)
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

    def _inits(self, header: BlockHeader) -> list[ast.stmt]:
        """The ``= None`` that the rewrite makes unnecessary."""
        inits: list[ast.stmt] = []
        for name in {self.region.handle, *header.gone}:
            named = self.module.mentions(self.region.scope, name)
            found = list(self._set_to_none(named))
            alone = all(self.module.source.alone(statement) for statement in found)
            if alone and not self._used_outside(named, found):
                inits += [statement for statement in found if self._spare(statement)]
        return inits

    def _set_to_none(self, named: list[Mention]) -> Iterator[ast.stmt]:
        """The ``= None`` before the acquisition, and before the first use after it."""
        start = self.region.acquire.lineno
        first = min([start, *(mention.line for mention in named if mention.line > start)])
        for mention in named:
            statement = self.module.parents[mention.node]
            if mention.line < first and _sets_one_to_none(statement):
                assert isinstance(statement, ast.stmt)
                yield statement

    def _used_outside(self, named: list[Mention], inits: list[ast.stmt]) -> bool:
        """Whether a variable is named outside of the region, closes aside."""
        region = self.region
        closing = {node for close in region.closes for node in ast.walk(close.statement)}
        return any(
            mention.node not in closing
            and self.module.parents[mention.node] not in inits
            and not region.acquire.lineno <= mention.line <= region.last
            for mention in named
        )

    def _spare(self, statement: ast.stmt) -> bool:
        """Whether a block is left when a statement goes."""
        return len(self.module.blocks.place(statement).block) > 1

    def _dropped(
        self, removed: list[ClosingStatement], header: BlockHeader, inits: list[ast.stmt]
    ) -> list[str]:
        nodes: list[ast.AST] = [close.statement for close in removed]
        nodes += inits
        for statement in (self.region.acquire, *header.taken):
            if isinstance(statement, ast.AnnAssign):
                nodes.append(statement.annotation)
        return [constant for node in nodes for constant in constants(node)]


def _sets_one_to_none(statement: ast.AST) -> bool:
    match statement:
        case ast.Assign(targets=[_], value=value) | ast.AnnAssign(value=ast.expr() as value):
            return is_none(value)
    return False
