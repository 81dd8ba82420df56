"""The history as one page: the chart, and a row for each commit that changes a count."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from itertools import pairwise

from flake8_naq.report import html
from flake8_naq.report.connections import TIERS
from flake8_naq.report.history import chart
from flake8_naq.report.history.story import Story, day
from flake8_naq.report.history.timeline import Kind, Point

_KINDS: tuple[Kind, ...] = ("by hand", "owned", "managed")


def text(story: Story) -> str:
    """The whole page."""
    body = [
        f"<figure>{chart.inline(story)}</figure>",
        "<section>",
        "<h2>Commits that change a count</h2>",
        html.table("Commits that change a count", _head(story), _rows(story)),
        "</section>",
    ]
    return html.page(
        "NATS connections over the history",
        f"{story.headline()} ({story.period()}).",
        "\n".join(body),
        "Of a merge, the first parent is followed. Each version of a file is read alone.",
    )


def _head(story: Story) -> list[str]:
    numbers = [name for kind in _KINDS for name in (kind, "change")]
    return ["day", "commit", "subject", *(TIERS[tier] for tier in story.tiers), *numbers]


def _rows(story: Story) -> Iterator[str]:
    """The newest first."""
    points = [None, *story.points]
    for before, point in reversed(list(pairwise(points))):
        assert point is not None
        commit = point.commit
        cells = [
            f"<td>{day(commit.time)}</td>",
            f"<td><code>{commit.id[:7]}</code></td>",
            f"<td>{escape(commit.subject)}</td>",
            *(_number(str(point.counts[tier, "by hand"])) for tier in story.tiers),
            *(_number(cell) for kind in _KINDS for cell in _change(before, point, kind)),
        ]
        yield f"<tr>{''.join(cells)}</tr>"


def _change(before: Point | None, point: Point, kind: Kind) -> tuple[str, str]:
    """A kind's count, and by how much it differs from the one before."""
    count = point.total(kind)
    change = count - before.total(kind) if before else 0
    return str(count), f"{change:+d}".replace("-", "−") if change else ""


def _number(text: str) -> str:
    return f'<td class="number">{text}</td>'
