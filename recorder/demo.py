"""The demonstration: one phase from finding to measured effect, on copies and a real server."""

from __future__ import annotations

from rich.console import Console
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table

from recorder.measure import VariantRun
from recorder.own_commands import ReportedFinding
from recorder.phases import Phase
from recorder.record import play_as_recorded, replays_text, run_migration
from recorder.variants import VARIANTS

HEADINGS = {
    "before": "before\n(by hand)",
    "fixed": "fixed\n(naq-migrate)",
    "now": "now\n(src/naq)",
}


def _findings(findings: list[ReportedFinding]) -> Table:
    table = Table(title="flake8 --select NAQ", title_justify="left")
    for heading in ("tier", "code", "where", "finding"):
        table.add_column(heading, no_wrap=heading != "finding")
    for finding in sorted(findings, key=lambda finding: (finding.code[3], finding)):
        where = f"{finding.path.rpartition('/')[2]}:{finding.line}"
        table.add_row(finding.tier, finding.code, where, finding.text)
    return table


def _diff(title: str, text: str) -> Panel:
    return Panel(Syntax(text, "diff", background_color="default"), title=title, title_align="left")


def _effect(outcomes: dict[str, VariantRun]) -> Table:
    table = Table(title="The same calls on a real nats-server", title_justify="left")
    table.add_column("")
    for state in outcomes:
        table.add_column(HEADINGS[state])
    first = next(iter(outcomes.values()))
    for number, step in enumerate(first.steps):
        outcome = [o.steps[number] for o in outcomes.values()]
        table.add_row(
            step["call"], *(_short(s.get("result") or f"raises {s['raised']}") for s in outcome)
        )
    table.add_section()
    for bucket in first.stored:
        table.add_row(
            f"stored in {bucket}", *("\n".join(o.stored[bucket]) for o in outcomes.values())
        )
    table.add_section()
    for label, values in {
        "connections opened": [o.counts.connections for o in outcomes.values()],
        "requests sent": [o.counts.requests for o in outcomes.values()],
        "bytes sent": [o.counts.bytes for o in outcomes.values()],
        "connections left open": [o.left_open for o in outcomes.values()],
    }.items():
        table.add_row(f"[bold]{label}", *(f"[bold]{value:,}" for value in values))
    return table


def _short(text: str) -> str:
    return text if len(text) <= 44 else f"{text[:41]}..."


def run(phase: Phase, console: Console) -> bool:
    """Show the phase: findings, diffs, the result's findings, and the effect side by side.

    Args:
        phase: the phase to show.
        console: where to print.

    Returns:
        Whether nothing is left to find and all variants did the same.
    """
    console.rule(f"{phase.title}: before the migration")
    migration = run_migration(phase)
    console.print(_findings(migration.findings))
    console.rule("The rewrite by naq-migrate, on a copy")
    console.print(_diff("naq-migrate fix --diff: the safe fixes", migration.safe))
    console.print(_diff("naq-migrate fix --diff --unsafe-fixes: then these", migration.unsafe))
    clean = not migration.remaining
    if clean:
        console.print("[green]flake8 --select NAQ on the fixed copy: nothing left.")
    else:
        console.print(_findings(migration.remaining))
    console.rule("Its effect, as the server counted it")
    played = {}
    for state in VARIANTS:
        with console.status(f"playing {state} on a nats-server"):
            played[state] = play_as_recorded(phase, state)
    outcomes = {state: one.outcome for state, one in played.items()}
    console.print(_effect(outcomes))
    console.print(replays_text(sum(one.replays for one in played.values())))
    expected = outcomes["before"]
    same = all(o.steps == expected.steps and o.stored == expected.stored for o in outcomes.values())
    console.print(
        "[green]Same results, same exceptions, same stored state."
        if same
        else "[red]The variants differ."
    )
    return clean and same
