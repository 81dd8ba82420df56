"""The planned rewrite of one hand-managed connection, not yet written."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from flake8_naq.message import Message
from flake8_naq.migrate.plan.block_header import BlockHeader
from flake8_naq.migrate.plan.closing_statements import ClosingStatement
from flake8_naq.migrate.plan.needed import Import
from flake8_naq.migrate.plan.parsed_module import ParsedModule
from flake8_naq.migrate.plan.region import Region


@dataclass(slots=True)
class Rewrite:
    """A planned rewrite.

    Attributes:
        module: The file.
        region: The statements that become the block.
        header: The block's first line.
        removed: The closes that it deletes.
        kept: The closes that it keeps.
        inits: The ``= None`` that it deletes.
        first: First line that it touches.
        last: Last line that it touches.
        unsafe: The ways in which it may change the meaning; empty for a safe rewrite.
        notes: Messages for the reviewer of a safe rewrite.
        dropped: Constants of the statements that it deletes, as `constants` names them.
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
