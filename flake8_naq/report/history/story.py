"""The history as every format shows it, and as JSON.

The JSON document is an object::

    version       1; a change that breaks a reader raises it
    tool          {"name": "flake8-naq", "version": ...}
    commits       how many commits were read
    shallow       whether older ones are missing, because the clone is shallow
    points        a list, the oldest first: the first commit, each one that changes a count, the last one:
        commit, date, subject    full name, ISO 8601 in UTC, first line of the message
        tiers                    {"high" | "medium" | "low": {"by_hand", "owned", "managed", "silenced"}}
    unreadable    files with versions that cannot be read; the version before them counts:
        path, commit, reason, versions
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from flake8_naq import __version__
from flake8_naq.report.connections import TIERS
from flake8_naq.report.history.timeline import KINDS, Kind, Point, Unreadable
from flake8_naq.report.summary import counted

VERSION = 1


@dataclass(frozen=True, slots=True)
class Story:
    """The history.

    Attributes:
        points: The first commit, each one that changes a count, and the last one.
        commits: How many commits there are.
        shallow: Whether older ones are missing.
    """

    points: tuple[Point, ...]
    commits: int
    shallow: bool

    @property
    def tiers(self) -> list[int]:
        """The tiers that ever had a connection."""
        return [
            tier
            for tier in TIERS
            if any(point.counts[tier, kind] for point in self.points for kind in KINDS)
        ]

    def headline(self) -> str:
        """The change of the number by hand, in one phrase."""
        return f"NATS connections by hand: {self.span('by hand')}"

    def span(self, kind: Kind, tier: int | None = None) -> str:
        """First and last number of a kind, one number where they are equal."""
        ends = [
            point.total(kind) if tier is None else point.counts[tier, kind]
            for point in (self.points[0], self.points[-1])
        ]
        return f"{ends[0]} → {ends[1]}" if ends[0] != ends[1] else f"{ends[1]}"

    def period(self) -> str:
        """The number of commits and their dates."""
        first, last = self.points[0].commit, self.points[-1].commit
        return f"{counted(self.commits, 'commit')}, {day(first.time)} to {day(last.time)}"

    def document(self, unreadable: Sequence[Unreadable]) -> dict[str, object]:
        """The history as the document that the module's docstring describes."""
        return {
            "version": VERSION,
            "tool": {"name": "flake8-naq", "version": __version__},
            "commits": self.commits,
            "shallow": self.shallow,
            "points": [_point(point) for point in self.points],
            "unreadable": [
                {
                    "path": one.path,
                    "commit": one.commit.id,
                    "reason": one.reason,
                    "versions": one.versions,
                }
                for one in unreadable
            ],
        }


def day(time: int) -> str:
    """The day of a moment, in UTC."""
    return f"{moment(time):%Y-%m-%d}"


def moment(time: int) -> datetime:
    """A moment in UTC, from seconds since 1970."""
    return datetime.fromtimestamp(time, UTC)


def _point(point: Point) -> dict[str, object]:
    commit = point.commit
    return {
        "commit": commit.id,
        "date": moment(commit.time).isoformat(),
        "subject": commit.subject,
        "tiers": {
            name: {kind.replace(" ", "_"): point.counts[tier, kind] for kind in KINDS}
            for tier, name in TIERS.items()
        },
    }
