"""The first line of a rewritten block."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from flake8_naq.migrate.plan.needed import Import


@dataclass(slots=True)
class BlockHeader:
    """The ``async with`` that opens a rewritten body.

    Attributes:
        lines: Its lines without indentation, line endings and comment.
        taken: Statements that the manager replaces.
        gone: Variables that the rewrite removes.
        imports: Names that it needs.
        binds: Whether the body uses the connection's name.
        leases: Whether its end closes nothing, since it leases a shared connection.
        added: Constants that its rule writes, as `constants` names them.
    """

    lines: list[str]
    taken: list[ast.stmt] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    imports: list[Import] = field(default_factory=list)
    binds: bool = True
    leases: bool = False
    added: list[str] = field(default_factory=list)
