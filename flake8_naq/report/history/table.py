"""The history for people, on a terminal. Only imported when rich is there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from flake8_naq.report.connections import TIERS
from flake8_naq.report.history.story import Story, moment
from flake8_naq.report.history.timeline import Point

_MOST_ROWS = 24
_BAR = 12


def show(console: Console, story: Story) -> None:
    """Print a row for each change, or for each period where there are many."""
    console.print(_table(story))
    console.print(f"{story.headline()} ({story.period()}).", markup=False, soft_wrap=True)
    if silenced := story.points[-1].total("silenced"):
        console.print(f"{silenced} silenced by noqa or configuration.", markup=False)


def _table(story: Story) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    tiers = story.tiers
    table.add_column("until", no_wrap=True)
    numbers = ["by hand", *(TIERS[tier] for tier in tiers if len(tiers) > 1), "owned", "managed"]
    for heading in numbers:
        table.add_column(heading, justify="right")
    table.add_column("", no_wrap=True)
    rows = _rows(story.points)
    most = max((point.total("by hand") + point.total("managed") for _, point in rows), default=0)
    for label, point in rows:
        by_tier = [point.counts[tier, "by hand"] for tier in tiers if len(tiers) > 1]
        counts = [point.total("by hand"), *by_tier, point.total("owned"), point.total("managed")]
        cells = [str(count) if count else "" for count in counts]
        table.add_row(label, *cells, _bar(point, most))
    return table


def _bar(point: Point, most: int) -> Text:
    """Full for what is by hand, light for what is managed."""
    if not most:
        return Text()
    hand = round(_BAR * point.total("by hand") / most)
    both = round(_BAR * (point.total("by hand") + point.total("managed")) / most)
    return Text("█" * hand, "red").append("░" * (both - hand), "green")


def _rows(points: Sequence[Point]) -> list[tuple[str, Point]]:
    """Each point, or where these are many, the last one of each day, month, quarter or year."""
    if len(points) <= _MOST_ROWS:
        labels = (f"{_day(moment(point.commit.time))} {point.commit.id[:7]}" for point in points)
        return list(zip(labels, points, strict=True))
    for label in (_day, _month, _quarter, _year):
        rows = {label(moment(point.commit.time)): point for point in points}
        if len(rows) <= _MOST_ROWS:
            break
    return list(rows.items())


def _day(when: datetime) -> str:
    return f"{when:%Y-%m-%d}"


def _month(when: datetime) -> str:
    return f"{when:%Y-%m}"


def _quarter(when: datetime) -> str:
    return f"{when.year} Q{(when.month + 2) // 3}"


def _year(when: datetime) -> str:
    return f"{when.year}"
