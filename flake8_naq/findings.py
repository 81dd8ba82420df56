"""The linter's findings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flake8_naq.lifetimes import Site


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem at one place.

    Attributes:
        line: Line of the finding, counted from 1.
        column: Column of the finding, counted from 0 in characters of the tree's offsets.
        rule: Two digits, the number of the rule.
        tier: 1 high, 2 medium, 3 low; 0 is the plugin itself.
        message: One sentence: the connection, the line of the problem, the fix.
        qualname: Dotted name of the enclosing function or class, empty at module level.
        site: The connection it is about, when it is about one.
    """

    line: int
    column: int
    rule: str
    tier: int
    message: str
    qualname: str = ""
    site: Site | None = None

    @property
    def code(self) -> str:
        """The code that flake8 selects by, such as ``NAQ203``."""
        return f"NAQ{self.tier}{self.rule}"
