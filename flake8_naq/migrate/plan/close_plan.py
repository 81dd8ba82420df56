"""Plans which closes of a region the rewrite removes, and which it keeps."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from flake8_naq.message import Line, RefusedError
from flake8_naq.migrate.plan.closing_statements import ClosingStatement
from flake8_naq.migrate.plan.needed import Target
from flake8_naq.migrate.plan.parsed_module import ParsedModule
from flake8_naq.migrate.plan.region import CLOSED_ELSEWHERE, Region


@dataclass(frozen=True, slots=True)
class ClosePlan:
    """Plans the closes of one region.

    Attributes:
        module: The file.
        region: The region.
        target: The kind of context manager.
        keep_early: Whether closes before a `return` or a `raise` stay in their place.
    """

    module: ParsedModule
    region: Region
    target: Target
    keep_early: bool

    def split(self) -> tuple[list[ClosingStatement], list[ClosingStatement]]:
        """The removed closes and the kept ones.

        Raises:
            RefusedError: A close has to stay, and the block cannot hold it.
        """
        kept = [close for close in self.region.closes if self._stays(close)]
        kept += self._moved_with(kept)
        kept += self._before_drains(kept)
        if self.target == "naq" and kept and self.region.shape == "never":
            raise RefusedError(CLOSED_ELSEWHERE)
        if self.target == "naq" and kept:
            among_others = kept[0].method == "several"
            reason = "stands among other calls" if among_others else "does not end its use"
            raise RefusedError("the close on ", Line(kept[0].statement.lineno), f" {reason}")
        return [close for close in self.region.closes if close not in kept], kept

    def _moved_with(self, kept: list[ClosingStatement]) -> list[ClosingStatement]:
        """The other closes of a ``finally`` that moves into the block as a whole."""
        region, guard = self.region, self.region.guard
        if region.shape != "inside-try" or guard is None or not guard.handlers:
            return []
        final = [close for close in region.closes if close.statement in guard.finalbody]
        if not any(close in kept for close in final):
            return []
        if region.others or len(final) < len(guard.finalbody):
            line = Line(final[0].statement.lineno)
            raise RefusedError("the `finally` on ", line, " does more than close")
        return [close for close in final if close not in kept]

    def _before_drains(self, kept: list[ClosingStatement]) -> list[ClosingStatement]:
        """Closes right before a drain that stays: without them the drain would find it open."""
        blocks = self.module.blocks
        places = [blocks.place(close.statement) for close in kept if close.method == "drain"]
        return [
            close
            for close in self.region.closes
            if close not in kept
            and any(close.statement in place.block[: place.index] for place in places)
        ]

    def _stays(self, close: ClosingStatement) -> bool:
        guard = self.region.guard
        if close.method == "several" or self.region.shape == "never":
            return True
        if self.target == "nats-py" and (close.method == "drain" or close.swallows):
            return True
        if guard is not None and close.statement in guard.finalbody:
            return self._has_work_beside(close, guard.finalbody)
        if guard is None and close.statement in self.region.siblings(self.module):
            return self._has_work_after(close)
        return self.keep_early or not self._leaves_at_once(close)

    def _has_work_beside(self, close: ClosingStatement, finalbody: list[ast.stmt]) -> bool:
        """Whether a rewrite would move a close past other work of its ``finally``."""
        index = finalbody.index(close.statement)
        before, after = finalbody[:index], finalbody[index + 1 :]
        passed = before if self.region.shape == "inside-try" else after
        return any(statement in self.region.others for statement in passed)

    def _has_work_after(self, close: ClosingStatement) -> bool:
        """Whether statements other than closes follow a close.

        The order of adjacent closes does not matter; statements after them do.
        """
        siblings = self.region.siblings(self.module)
        tail = siblings[siblings.index(close.statement) : siblings.index(self.region.end) + 1]
        closing = [close.statement for close in self.region.all_closes]
        return any(statement not in closing for statement in tail)

    def _leaves_at_once(self, close: ClosingStatement) -> bool:
        """Whether a plain `return` or `raise` follows a close."""
        place = self.module.blocks.place(close.statement)
        match place.block[place.index + 1 : place.index + 2]:
            case [ast.Return(value=None | ast.Constant() | ast.Name()) | ast.Raise()]:
                return True
        return False
