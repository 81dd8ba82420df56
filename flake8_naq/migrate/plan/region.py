"""The stretch of a function in which a connection is open."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Literal

from flake8_naq.lifetimes import Site
from flake8_naq.migrate.plan.closing_statements import ClosingStatement
from flake8_naq.migrate.plan.parsed_module import ParsedModule
from flake8_naq.migrate.tree import Mention, last_line
from flake8_naq.names import Scope

Shape = Literal["before-try", "inside-try", "around-try", "straight", "never"]
# Why a connection is left whose closes no block could take the place of.
CLOSED_ELSEWHERE = "it is closed in some branches only, or in another block than it is opened"


@dataclass
class Region:
    """Where a connection lives, from its acquisition to its close.

    Attributes:
        site: The acquisition.
        scope: The function around it.
        handle: The variable.
        shape: The arrangement of acquisition and close.
        acquire: The acquiring statement.
        anchor: The first statement of the region: the acquiring one, or the ``try`` around it when
            every other path out of that ``try`` leaves the function, or when the block that the
            acquiring statement opens moves around that ``try``.
        made: ``nc = NATS()``, when the client is made before it connects.
        guard: The ``try`` whose ``finally`` closes.
        end: The last statement of the region, in the acquisition's block.
        closes: The statements that close it, in source order.
        others: The other statements of the ``finally``.
        inits: ``nc = None`` before the acquisition.
        mentions: Every mention of the variable in the function.
        all_closes: Every close of a connection in the function, this one or another.
    """

    site: Site
    scope: Scope
    handle: str
    shape: Shape
    acquire: ast.stmt
    anchor: ast.stmt
    made: ast.stmt | None
    guard: ast.Try | None
    end: ast.stmt
    closes: list[ClosingStatement]
    others: list[ast.stmt]
    inits: list[ast.stmt]
    mentions: list[Mention]
    all_closes: list[ClosingStatement]

    @property
    def unpacked(self) -> bool:
        """Whether the connection is one of several values that the acquisition gives."""
        return isinstance(self.acquire, ast.Assign) and isinstance(
            self.acquire.targets[0], ast.Tuple
        )

    @property
    def last(self) -> int:
        """The last line on which the connection is open: of the body, without the close."""
        if self.shape == "inside-try" and self.guard is not None:
            return last_line(self.guard.body[-1])
        return last_line(self.end)

    def siblings(self, module: ParsedModule) -> list[ast.stmt]:
        """The block in which it starts and ends."""
        return module.blocks.place(self.anchor).block
