"""Bar charts of the site, as HTML that needs no script: bars of stacked parts, a legend, a caption."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def glance(figures: Mapping[str, str]) -> str:
    """A few figures side by side, by their names."""
    entries = "".join(
        f"<div><dt>{name}</dt><dd>{figure}</dd></div>" for name, figure in figures.items()
    )
    return f'<dl class="glance">{entries}</dl>\n'


def figure(legend: Mapping[str, str], rows: Iterable[str], caption: str) -> str:
    """A chart.

    Args:
        legend: the text of each part, by its CSS class.
        rows: of the chart, as HTML.
        caption: HTML.
    """
    entries = "".join(
        f'<li><span class="swatch {name}"></span>{text}</li>' for name, text in legend.items()
    )
    return (
        f'<figure class="chart"><ul class="legend">{entries}</ul>\n{"".join(rows)}\n'
        f"<figcaption>{caption}</figcaption></figure>\n"
    )


def bar(label: str, share: float, content: str) -> str:
    """One bar.

    Args:
        label: its figures as text, for who cannot see it.
        share: of the longest bar's length.
        content: HTML.
    """
    style = f"--share: {share:.3f}"
    return f'<div class="bar" role="img" aria-label="{label}" style="{style}">{content}</div>'


def stacked(title: str, parts: Mapping[str, int], names: Mapping[str, str], share: float) -> str:
    """A bar whose parts are as long as their counts; a part of 0 is left out.

    Args:
        title: names the bar.
        parts: the counts by CSS class.
        names: the texts by CSS class.
        share: of the longest bar's length.
    """
    counted = {name: count for name, count in parts.items() if count}
    label = ", ".join(f"{count} {names[name]}" for name, count in counted.items())
    spans = "".join(
        f'<span class="{name}" style="flex-grow: {count}">{count}</span>'
        for name, count in counted.items()
    )
    return bar(f"{title}: {label}", share, spans)
