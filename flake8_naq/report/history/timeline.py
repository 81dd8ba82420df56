"""From commits to counts: how many connections of each kind a project has after each commit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from flake8_naq.flake8_config import Flake8
from flake8_naq.report.connections import TIERS
from flake8_naq.report.history.git import Change, Commit
from flake8_naq.report.history.versions import OpenedConnection, Version
from flake8_naq.tiers import tier_of

Kind = Literal["by hand", "owned", "managed", "silenced"]
KINDS: tuple[Kind, ...] = ("by hand", "owned", "managed", "silenced")
Counts = Counter[tuple[int, Kind]]


@dataclass(frozen=True, slots=True)
class Point:
    """A project after a commit.

    Attributes:
        commit: The commit.
        counts: Connections by tier (1 high, 2 medium, 3 low) and kind.
    """

    commit: Commit
    counts: Counts

    def total(self, kind: Kind) -> int:
        """Connections of a kind in all tiers."""
        return sum(self.counts[tier, kind] for tier in TIERS)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Versions of one file that cannot be read.

    Attributes:
        path: The file.
        commit: The first commit with such a version.
        reason: What is wrong with that version.
        versions: How many there are.
    """

    path: str
    commit: Commit
    reason: str
    versions: int


@dataclass
class Timeline:
    """Adds up what commits change.

    Attributes:
        flake8: The configuration of today, which decides tiers and selection for all of history.
        versions: Every blob that the commits mention.
        points: The first commit, each one that changes a count, and the last one.
        unreadable: Files with versions that cannot be read.
    """

    flake8: Flake8
    versions: Mapping[str, Version]
    points: list[Point] = field(default_factory=list)
    unreadable: dict[str, Unreadable] = field(default_factory=dict)
    _files: dict[str, Counts] = field(default_factory=dict)
    _counts: Counts = field(default_factory=Counter)
    _known: dict[tuple[str, str], Counts] = field(default_factory=dict)

    def add(self, commit: Commit, changes: Iterable[Change], *, last: bool) -> None:
        """Take in one commit, after all those before it."""
        for change in changes:
            self._apply(commit, change)
        counts = +self._counts
        if not self.points or last or counts != self.points[-1].counts:
            self.points.append(Point(commit, counts))

    def _apply(self, commit: Commit, change: Change) -> None:
        path, blob = change.path, change.blob
        if blob is None:
            self._counts -= self._files.pop(path, Counter())
            return
        if error := self.versions[blob].error:
            # The version before goes on counting: a broken commit is no migration.
            self._note(commit, path, error)
            return
        counts = self._of_version(path, blob)
        self._counts -= self._files.get(path, Counter())
        self._counts += counts
        self._files[path] = counts

    def _note(self, commit: Commit, path: str, reason: str) -> None:
        known = self.unreadable.get(path)
        first = (known.commit, known.reason, known.versions) if known else (commit, reason, 0)
        self.unreadable[path] = Unreadable(path, first[0], first[1], first[2] + 1)

    def _of_version(self, path: str, blob: str) -> Counts:
        """A version's connections; the path decides their tier, and whether they are selected."""
        if (path, blob) not in self._known:
            kinds = (self._kind(path, opening) for opening in self.versions[blob].openings)
            self._known[path, blob] = Counter(filter(None, kinds))
        return self._known[path, blob]

    def _kind(self, path: str, opening: OpenedConnection) -> tuple[int, Kind] | None:
        """Tier and kind; None for one that is owned elsewhere in code that is not selected."""
        tier = tier_of(path, opening.function, self.flake8.settings)
        if opening.managed:
            return tier, "managed"
        reported = opening.noqa is not None and self.flake8.selects(
            path, f"NAQ{tier}{opening.rule or '01'}", opening.noqa
        )
        if opening.rule:
            return tier, "by hand" if reported else "silenced"
        return (tier, "owned") if reported else None


def relevant(
    history: Iterable[tuple[Commit, Sequence[Change]]], name: Callable[[str], str | None]
) -> Iterator[tuple[Commit, list[Change]]]:
    """The same history with the files alone that the command reads.

    Args:
        history: Commits with their changes, paths from the repository's root.
        name: Gives a file's path from the working directory, None where it is not read.
    """
    for commit, changes in history:
        yield (
            commit,
            [Change(shown, change.blob) for change in changes if (shown := name(change.path))],
        )
