"""The next step that no rewrite can take: one connection for a class or module, in place of one a call."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from flake8_naq.migrate.outcome import FileOutcome
from flake8_naq.report.summary import counted

# A block on plain nats-py: each entry is a handshake. A lease of naq costs none.
_HANDSHAKE = "async with await "


@dataclass(slots=True)
class Proposals:
    """Finds owners of several functions that each open a connection after their rewrite."""

    _owners: defaultdict[tuple[str, str], set[str]] = field(
        default_factory=lambda: defaultdict(set)
    )

    def add(self, outcome: FileOutcome) -> None:
        """Note the rewritten functions of one file; tests open a connection each on purpose."""
        if _HANDSHAKE not in outcome.text:
            return
        for report in outcome.rewritten:
            owner, _, name = report.qualname.rpartition(".")
            if name and not name.startswith("test"):
                self._owners[outcome.path, owner].add(name)

    def lines(self) -> Iterator[str]:
        """A line for each class or module with several such functions."""
        for (path, owner), names in self._owners.items():
            if len(names) > 1:
                place = f"`{owner}`" if owner else "the module"
                yield (
                    f"{path}: {place} opens a connection in each of "
                    f"{counted(len(names), 'function')}: open one where the program starts, and pass "
                    f"it on"
                )
