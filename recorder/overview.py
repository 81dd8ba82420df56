"""The parts of the overview of all phases that come from their records, as Markdown and HTML."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from recorder import charts, record
from recorder.markdown import table
from recorder.phases import Phase, all_phases

SHAPES = {
    "01": "connection",
    "02": "JetStream",
    "03": "bucket",
    "04": "several connections",
    "05": "in a loop",
}
"""Each site falls under exactly one of these rules."""

FAULTS = {"11": "leaks", "12": "wrong close", "21": "URL for a config"}

HANDS = {
    "safe": "by the codemod, safe",
    "unsafe": "by the codemod, with --unsafe-fixes",
    "by-hand": "left by the codemod",
}

COUNTS = ("connections", "requests", "bytes")

TIMED = {"before": "before", "now": "now"}


@dataclass(frozen=True)
class Sites:
    """The hand-managed connections of a phase, by who rewrote them.

    Args:
        found: how many there were, by rule.
        safe: rewritten by safe fixes.
        unsafe: rewritten by unsafe fixes on top.
        by_hand: left by the codemod.
    """

    found: Counter[str]
    safe: int
    unsafe: int
    by_hand: int

    @property
    def total(self) -> int:
        """How many there were."""
        return self.safe + self.unsafe + self.by_hand


def _by_rule(findings: list[dict[str, Any]]) -> Counter[str]:
    return Counter(finding["code"][4:] for finding in findings)


def _sites(findings: list[dict[str, Any]]) -> int:
    return sum(count for rule, count in _by_rule(findings).items() if rule in SHAPES)


def sites(phase: Phase) -> Sites:
    """Count a phase's sites by who rewrote them, from its record."""
    document = record.read(phase)
    total, after_safe, remaining = (
        _sites(document[name]) for name in ("findings", "after_safe", "remaining")
    )
    found = _by_rule(document["findings"])
    return Sites(found, total - after_safe, after_safe - remaining, remaining)


def _link(phase: Phase) -> str:
    return f"[{phase.title}]({phase.name}/index.md)"


def provenance(phase: Phase) -> str:
    """Where the modules before come from, and what their figures can show."""
    return (
        f'!!! info "Where `before/` comes from"\n\n'
        f"    `docs/phases/{phase.name}/before/` is written after the code blocks of the migration plan and"
        " completed until it runs on a real server. It is not a file of upstream naq."
        " Upstream's `get_nats_connection` keeps one connection for each URL, so the figures on this page"
        " hold for code that connects on each call, and not for upstream.\n"
    )


def glance(phase: Phase) -> str:
    """A phase in a few figures, and where on its page they come from."""
    found, document = sites(phase), record.read(phase)
    before, now = (document["variants"][state] for state in ("before", "now"))
    seconds, lines = document["seconds"], record.lines(phase)
    figures = {
        "connections found": str(found.total),
        "rewritten, safe": f"{found.safe} of {found.total}",
        "rewritten, unsafe": str(found.unsafe),
        "left by the codemod": str(found.by_hand),
        "changed by hand since": str(len(phase.by_hand)),
        "connections opened": _change(
            before["counts"]["connections"], now["counts"]["connections"]
        ),
        "of them never closed": _change(before["left_open"], now["left_open"]),
        "lines of code": _change(lines["before"], lines["fixed"]),
    }
    if seconds:
        figures["1,000 calls, s"] = f"{seconds['before']:.2f} → {seconds['now']:.2f}"
    became = ", ".join(f"`{path}`" for path in phase.successor_paths)
    return (
        f"{charts.glance(figures)}\n"
        "[Baseline](#baseline) · [Systematic migration](#systematic-migration) ·"
        f" [Validation](#validation) · became {became}\n{{ .jump }}\n"
    )


def glance_of_all() -> str:
    """All phases in a few figures."""
    phases = all_phases()
    counted = [sites(phase) for phase in phases]
    played = [record.read(phase)["variants"] for phase in phases]
    opened = [sum(one[state]["counts"]["connections"] for one in played) for state in TIMED]
    left_open = [sum(one[state]["left_open"] for one in played) for state in TIMED]
    total = sum(found.total for found in counted)
    return charts.glance(
        {
            f"connections in {len(phases)} phases": str(total),
            "rewritten by safe fixes": f"{sum(found.safe for found in counted)} of {total}",
            "rewritten by unsafe fixes": str(sum(found.unsafe for found in counted)),
            "left by the codemod": str(sum(found.by_hand for found in counted)),
            "opened, for the same calls": _change(*opened),
            "of them never closed": _change(*left_open),
        }
    )


def chart() -> str:
    """A bar a phase: its sites, by who rewrote them."""
    counted = {phase: sites(phase) for phase in all_phases()}
    longest = max(found.total for found in counted.values())
    rows = []
    for phase, found in counted.items():
        parts = {"safe": found.safe, "unsafe": found.unsafe, "by-hand": found.by_hand}
        share = found.total / longest
        rows.append(_row(phase, charts.stacked(phase.title, parts, HANDS, share)))
    return charts.figure(
        HANDS,
        rows,
        "Hand-managed connections of each phase, by who rewrote them."
        " None is left in <code>src/naq</code>.",
    )


def times() -> str:
    """Two bars a phase: the time of 1,000 calls, before and now."""
    timed = {phase: record.read(phase)["seconds"] for phase in all_phases()}
    timed = {phase: seconds for phase, seconds in timed.items() if seconds}
    longest = max(seconds["before"] for seconds in timed.values())
    rows = []
    for phase, seconds in timed.items():
        bars = "".join(
            charts.bar(
                f"{phase.title} {state}: {seconds[state]:.2f} seconds",
                seconds[state] / longest,
                f'<span class="{state}"></span><b>{seconds[state]:.2f} s</b>',
            )
            for state in TIMED
        )
        rows.append(_row(phase, f"<div>{bars}</div>"))
    return charts.figure(TIMED, rows, "Seconds that 1,000 calls take, one after the other.")


def _row(phase: Phase, content: str) -> str:
    return (
        f'<div class="row"><a href="{phase.name}/">{phase.title}</a>'
        f'<span class="tier">{phase.tier}</span>{content}</div>\n'
    )


def shapes() -> str:
    """The findings of each phase, by rule."""
    columns = SHAPES | FAULTS
    phases = all_phases()
    counted = {phase: sites(phase).found for phase in phases}
    total = sum(counted.values(), Counter[str]())
    used = [rule for rule in columns if total[rule]]
    links = [f"[{rule}](../rules/NAQ{rule}.md) {columns[rule]}" for rule in used]
    rows = [
        [_link(phase), phase.tier, *(str(counted[phase][rule] or "") for rule in used)]
        for phase in phases
    ]
    rows.append(["**all**", "", *(f"**{total[rule]}**" for rule in used)])
    return table(["Phase", "Priority", *links], rows, numbers=len(used))


def effects() -> str:
    """Connections, requests, time and lines of each phase, before and now."""
    head = ["Phase", "Connections", "Left open", "Requests", "Bytes", "1,000 calls, s", "Lines"]
    rows = []
    for phase in all_phases():
        document = record.read(phase)
        before, now = (document["variants"][state] for state in ("before", "now"))
        counts = {name: _change(before["counts"][name], now["counts"][name]) for name in COUNTS}
        seconds, lines = document["seconds"], record.lines(phase)
        rows.append(
            [
                _link(phase),
                counts["connections"],
                _change(before["left_open"], now["left_open"]),
                counts["requests"],
                counts["bytes"],
                f"{seconds['before']:.2f} → {seconds['now']:.2f}" if seconds else "",
                _change(lines["before"], lines["fixed"]),
            ]
        )
    return table(head, rows, numbers=len(head) - 1)


def _change(before: int, now: int) -> str:
    return f"{before:,} → {now:,}"
