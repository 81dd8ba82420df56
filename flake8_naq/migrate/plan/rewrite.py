"""The rewrite of one hand-managed connection, decided and not yet written."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from flake8_naq.migrate.message import Message
from flake8_naq.migrate.plan.block_header import BlockHeader
from flake8_naq.migrate.plan.closing_statements import ClosingStatement
from flake8_naq.migrate.plan.needed import Import
from flake8_naq.migrate.plan.parsed_module import ParsedModule
from flake8_naq.migrate.plan.region import Region


@dataclass(slots=True)
class Rewrite:
    """A rewrite that has been decided on.

    Attributes:
        module: The file.
        region: The statements that become the block.
        header: The block's first line.
        removed: The closes that go.
        kept: The closes that stay in their place.
        inits: The ``= None`` that go.
        first: First line that it touches.
        last: Last line that it touches.
        unsafe: How it may change the meaning; empty for a safe rewrite.
        notes: What a reviewer is told of a safe rewrite.
        dropped: Constants that go with the statements it takes out, as `constants` names them.
    """

    module: ParsedModule
    region: Region
    header: BlockHeader
    removed: list[ClosingStatement]
    kept: list[ClosingStatement]
    inits: list[ast.stmt]
    first: int
    last: int
    unsafe: list[Message] = field(default_factory=list)
    notes: list[Message] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)

    @property
    def added(self) -> list[str]:
        """Constants that it writes, as `constants` names them."""
        return self.header.added

    @property
    def imports(self) -> list[Import]:
        """Names that it needs."""
        return self.header.imports
