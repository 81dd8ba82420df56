"""The next step that no rewrite can take: one connection for a class, in place of one a call."""

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
    """Finds classes whose methods still open a connection each after their rewrite."""

    _methods: defaultdict[tuple[str, str], set[str]] = field(
        default_factory=lambda: defaultdict(set)
    )

    def add(self, outcome: FileOutcome) -> None:
        """Note the rewritten methods of one file; tests open a connection each on purpose."""
        if _HANDSHAKE not in outcome.text:
            return
        for report in outcome.rewritten:
            owner, _, name = report.qualname.rpartition(".")
            # A class, and no function around a function.
            if owner.rpartition(".")[2][:1].isupper() and not name.startswith("test"):
                self._methods[outcome.path, owner].add(name)

    def lines(self) -> Iterator[str]:
        """A line for each class with several such methods."""
        for (path, owner), names in self._methods.items():
            if len(names) > 1:
                yield (
                    f"{path}: `{owner}` opens a connection in each of {counted(len(names), 'method')}: "
                    "open one where the program starts, and pass it on"
                )
