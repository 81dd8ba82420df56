"""Plans the ``async with`` that replaces an acquisition, its names and its imports."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from flake8_naq.message import Line, RefusedError
from flake8_naq.migrate.plan.block_header import BlockHeader
from flake8_naq.migrate.plan.body_statements import BodyStatement
from flake8_naq.migrate.plan.client_header import ClientHeader
from flake8_naq.migrate.plan.closing_statements import ClosingStatement
from flake8_naq.migrate.plan.declared_manager import DeclaredManager
from flake8_naq.migrate.plan.needed import Target
from flake8_naq.migrate.plan.parsed_module import ParsedModule
from flake8_naq.migrate.plan.region import Region
from flake8_naq.migrate.plan.uses import uses_of
from flake8_naq.migrate.tree import Mention, last_line


@dataclass(frozen=True, slots=True)
class HeaderChoice:
    """Decides the header of one region."""

    module: ParsedModule
    region: Region

    def header(self, target: Target, removed: list[ClosingStatement]) -> BlockHeader:
        """The header for a kind of context manager.

        Raises:
            RefusedError: None is equivalent to the original.
        """
        if target == "nats-py":
            return ClientHeader(self.module, self.region, removed).header()
        return self._declared(removed)

    def _declared(self, removed: list[ClosingStatement]) -> BlockHeader:
        region, module = self.region, self.module
        self._refuse_other_openings()
        uses = uses_of(module, region, removed)
        self._refuse_outside(uses[region.handle])
        drains = any(close.method == "drain" for close in removed)
        manager = DeclaredManager(module, region.site, region.scope, uses, self._steps(), drains)
        header = manager.header(removed)
        for name in {*header.gone, *(_targets(header.taken))}:
            self._refuse_outside(uses.get(name, []))
        for statement in header.taken:
            if not module.source.alone(statement):
                raise RefusedError(Line(statement.lineno), " holds more than one statement")
        if header.gone:
            self._refuse_type_comments([region.acquire, *header.taken])
        return header

    def _refuse_other_openings(self) -> None:
        """Refuse an acquisition other than one variable bound to the awaited call."""
        region = self.region
        if region.anchor is not region.acquire:
            raise RefusedError("it is opened in a `try` of its own and used after it")
        if region.unpacked:
            raise RefusedError("the connection is unpacked together with other values")
        if region.made is not None:
            raise RefusedError("the client is made before it connects")
        value = getattr(region.acquire, "value", None)
        if not isinstance(value, ast.Await) or value.value is not region.site.call:
            raise RefusedError(
                "the connecting call stands inside another call, which would be lost"
            )

    def _refuse_type_comments(self, statements: list[ast.stmt]) -> None:
        comments = self.module.source.comments
        for statement in statements:
            for number in range(statement.lineno, last_line(statement) + 1):
                if number in comments and comments[number][1].startswith("# type:"):
                    raise RefusedError(
                        "the type comment on ", Line(statement.lineno), " would lose its place"
                    )

    def _steps(self) -> list[BodyStatement]:
        """The statements of the body, in order, that may move into the header."""
        region = self.region
        block = self.module.blocks.place(region.acquire).block
        index = block.index(region.acquire)
        guard = region.guard
        if region.shape == "inside-try" and guard is not None:
            return [BodyStatement(statement, False) for statement in guard.body[index + 1 :]]
        end = block.index(region.end)
        if region.shape == "before-try" and guard is not None:
            between = [BodyStatement(statement, False) for statement in block[index + 1 : end]]
            guarded = bool(guard.handlers or guard.orelse or region.others)
            return between + [BodyStatement(statement, guarded) for statement in guard.body]
        last = end if region.shape == "straight" else end + 1
        return [BodyStatement(statement, False) for statement in block[index + 1 : last]]

    def _refuse_outside(self, uses: list[Mention]) -> None:
        for mention in uses:
            if not self.region.acquire.lineno <= mention.line <= self.region.last:
                raise RefusedError(
                    f"`{mention.node.id}` is used on ",
                    Line(mention.line),
                    ", where the connection is closed",
                )


def _targets(statements: list[ast.stmt]) -> set[str]:
    return {
        node.id
        for statement in statements
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
