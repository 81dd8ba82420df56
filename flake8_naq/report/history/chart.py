"""The history as a chart: one SVG, light and dark, that asks no other host for anything.

A panel for each tier, one below the other. Connections by hand are at the bottom, so their edge starts
from zero; above them come those owned elsewhere, then those managed. Counts change at commits, so the
edges are steps. The text is set for a width of 320 pixels and more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from flake8_naq.report.connections import TIERS
from flake8_naq.report.history.story import Story, moment
from flake8_naq.report.history.timeline import Kind

WIDTH = 440
_LEFT, _RIGHT = 40, 16
_TOP, _PANEL_HEAD, _PANEL_GAP, _FOOT = 72, 46, 22, 34
_ONE_PANEL, _SEVERAL_PANELS = 150, 92
_LAYERS: tuple[tuple[Kind, str, str], ...] = (
    ("by hand", "hand", "by hand"),
    ("owned", "owned", "owned"),
    ("managed", "managed", "managed"),
)
_GAP = ' dx="14"'
_DAY = 86_400
_STYLE = """
.naq { --back: #ffffff; --edge: #d0d7de; --text: #1f2328; --quiet: #59636e; --grid: #e4e8ec;
  --hand: #c4432b; --owned: #9aa4af; --managed: #1a7f64; }
@media (prefers-color-scheme: dark) {
  .naq { --back: #151b23; --edge: #3d444d; --text: #f0f6fc; --quiet: #9198a1; --grid: #2a313a;
    --hand: #f0776a; --owned: #6b7480; --managed: #3fb490; }
}
.naq text { font: 12.5px system-ui, -apple-system, "Segoe UI", sans-serif; fill: var(--quiet); }
.naq .title { font-size: 16px; font-weight: 600; fill: var(--text); }
.naq .tier { font-weight: 600; fill: var(--text); }
.naq .number { font-variant-numeric: tabular-nums; }
.naq .back { fill: var(--back); stroke: var(--edge); }
.naq .grid { stroke: var(--grid); fill: none; }
.naq .base { stroke: var(--quiet); fill: none; }
.naq .hand { fill: var(--hand); }
.naq .owned { fill: var(--owned); }
.naq .managed { fill: var(--managed); }
.naq .area { fill-opacity: .82; stroke: var(--back); stroke-width: .6; }
"""


def svg(story: Story) -> str:
    """The chart as a file of its own, ending with a newline."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{inline(story)}\n'


def inline(story: Story) -> str:
    """The chart as an element for a page."""
    tiers = story.tiers or [max(TIERS)]
    height = _SEVERAL_PANELS if len(tiers) > 1 else _ONE_PANEL
    step = _PANEL_HEAD + height + _PANEL_GAP
    bottom = _TOP + len(tiers) * step - _PANEL_GAP
    total = bottom + _FOOT
    scale = _Time.of(story)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="naq" viewBox="0 0 {WIDTH} {total}" '
        f'width="{WIDTH}" height="{total}" role="img" aria-labelledby="naq-title naq-description">',
        f'<title id="naq-title">{escape(story.headline())}</title>',
        f'<desc id="naq-description">{escape(_description(story))}</desc>',
        f"<style>{_STYLE}</style>",
        f'<rect class="back" x=".5" y=".5" width="{WIDTH - 1}" height="{total - 1}" rx="6"/>',
        f'<text class="title" x="16" y="30">{escape(story.headline())}</text>',
        f'<text x="16" y="50">{escape(story.period())}</text>',
    ]
    for number, tier in enumerate(tiers):
        parts += _panel(story, tier, _TOP + number * step, height, scale)
    parts += _years(scale, bottom)
    return "\n".join([*parts, "</svg>"])


@dataclass(frozen=True, slots=True)
class _Time:
    """Where a moment stands on the horizontal axis; clocks that ran backwards stand still.

    Attributes:
        start: The first moment, in seconds since 1970.
        end: The last one.
        moments: The moment of each point, none before the one in front of it.
    """

    start: int
    end: int
    moments: tuple[int, ...]

    @classmethod
    def of(cls, story: Story) -> _Time:
        """The axis of a history."""
        moments: list[int] = []
        for point in story.points:
            moments.append(max(point.commit.time, *moments[-1:]) if moments else point.commit.time)
        return cls(moments[0], max(moments[-1], moments[0] + _DAY), tuple(moments))

    def x(self, time: int) -> float:
        """The place of a moment."""
        width = WIDTH - _LEFT - _RIGHT
        return round(_LEFT + width * (time - self.start) / (self.end - self.start), 1)


def _panel(story: Story, tier: int, top: int, height: int, scale: _Time) -> Iterator[str]:
    yield f'<text class="tier" x="16" y="{top + 12}">{TIERS[tier].title()} priority</text>'
    yield _key(story, tier, top + 31)
    first, last = top + _PANEL_HEAD, top + _PANEL_HEAD + height
    stacks = [
        _stack([point.counts[tier, kind] for kind, _, _ in _LAYERS]) for point in story.points
    ]
    limit = _nice(max(stack[-1] for stack in stacks))
    right = WIDTH - _RIGHT
    for value in sorted({0, 0 if limit % 2 else limit // 2, limit}):
        y = round(last - height * value / limit, 1)
        yield f'<text class="number" x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{value:,}</text>'
        if value:
            yield f'<path class="grid" d="M{_LEFT} {y}H{right}"/>'
    for layer in reversed(range(len(_LAYERS))):
        tops = [round(last - height * stack[layer] / limit, 1) for stack in stacks]
        if any(stack[layer] for stack in stacks):
            edge = _steps(scale, tops, right)
            yield f'<path class="area {_LAYERS[layer][1]}" d="M{_LEFT} {last}V{edge}V{last}Z"/>'
    yield f'<path class="base" d="M{_LEFT} {last}H{right}"/>'
    yield f'<path class="grid" d="M{_LEFT} {first}V{last}"/>'


def _key(story: Story, tier: int, y: int) -> str:
    """The kinds with their colour and their first and last numbers."""
    parts = [
        f'<tspan class="{name}"{_GAP if number else ""}>■</tspan> '
        f"{label} {escape(story.span(kind, tier))}"
        for number, (kind, name, label) in enumerate(_LAYERS)
    ]
    return f'<text class="number" x="16" y="{y}">{"".join(parts)}</text>'


def _steps(scale: _Time, tops: Sequence[float], right: int) -> str:
    """The upper edge from left to right, after the ``V`` that leads to its first height."""
    parts = [f"{tops[0]}"]
    height = tops[0]
    for time, top in zip(scale.moments[1:], tops[1:], strict=True):
        if top != height:
            parts.append(f"H{scale.x(time)}V{top}")
            height = top
    return "".join([*parts, f"H{right}"])


def _stack(values: Sequence[int]) -> list[int]:
    return [sum(values[: end + 1]) for end in range(len(values))]


def _nice(value: int) -> int:
    """The least round number that is not below a value, and at least 2."""
    unit = 1
    while True:
        for factor in (2, 3, 4, 5, 6, 8, 10):
            if factor * unit >= value:
                return factor * unit
        unit *= 10


def _years(scale: _Time, bottom: int) -> Iterator[str]:
    """The ends of the time, and as many years or months between them as there is room for."""
    y = bottom + 18
    for x, anchor, label in _ticks(scale):
        yield f'<path class="base" d="M{x} {bottom}v4"/>'
        yield f'<text class="number" x="{x}" y="{y}" text-anchor="{anchor}">{label}</text>'


def _ticks(scale: _Time) -> list[tuple[float, str, str]]:
    """Place, anchor and text of each mark."""
    marks = _marks(moment(scale.start), moment(scale.end))
    room = 0.0
    ticks = []
    for when, label in marks:
        x = scale.x(int(when.timestamp()))
        half = 3.6 * len(label)
        if x - half >= room and x + half <= WIDTH - 4:
            ticks.append((x, "middle", label))
            room = x + half + 12
    return ticks


def _marks(start: datetime, end: datetime) -> list[tuple[datetime, str]]:
    """Years in a long history, months in a shorter one, the first and the last day in a short one."""
    months = (end.year - start.year) * 12 + end.month - start.month
    if months < 2:
        return [(start, f"{start:%d %b %Y}"), (end, f"{end:%d %b %Y}")]
    every = next((size for size in (1, 2, 3, 6) if months / size <= 6), 12)
    marks = []
    for number in range(months + 2):
        year, month = divmod(start.year * 12 + start.month - 1 + number, 12)
        when = datetime(year, month + 1, 1, tzinfo=UTC)
        if start <= when <= end and month % every == 0:
            marks.append((when, f"{when:%Y}" if every == 12 else f"{when:%b %Y}"))
    years = -(-len(marks) // 8)
    return marks[::years] if every == 12 else marks


def _description(story: Story) -> str:
    """The chart in words."""
    sentences = [
        f"{TIERS[tier]} priority: "
        + ", ".join(f"{label} {story.span(kind, tier)}" for kind, _, label in _LAYERS)
        for tier in story.tiers
    ]
    return f"{story.period()}. {'; '.join(sentences) or 'No connection'}."
