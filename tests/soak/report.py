"""The report: tables for people, the same tables and goals as JSON for the site."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from account import total
from faults import KINDS
from rich.console import Console
from rich.table import Table
from soak import Findings, Settings

MEMORY_GROWTH = 10.0
"""MiB that a worker's memory may grow by."""

_AMISS = ("lost", "stuck", "wrong", "doubled")
_KIND_HEAD = ["jobs", "enqueued", "lost", "stuck", "wrong", "run again", "doubled"]


def document(found: Sequence[Findings], settings: Settings) -> dict[str, Any]:
    """Return the tables and goals, with the seed, as the site's page takes them."""
    tables = [_beside(found), *(_kinds(each) for each in found if len(each.verdicts) > 1)]
    return {
        "seed": settings.seed,
        "minutes": round(settings.duration / 60, 2),
        "amiss": {each.queue: _amiss(each) for each in found if each.queue == "naq"},
        "charts": [],
        "tables": tables,
        "goals": [goal for each in found if each.queue == "naq" for goal in _goals(each)],
    }


def show(made: dict[str, Any], found: Sequence[Findings], console: Console) -> None:
    """Print the tables, and name each job that is lost, stuck, wrong or doubled."""
    for each in made["tables"]:
        table = Table(title=each["title"], title_justify="left")
        for number, heading in enumerate(each["head"]):
            table.add_column(heading, justify="right" if number else "left")
        for row in each["rows"]:
            table.add_row(*row)
        console.print(table)
    for each in found:
        whole = total(each.verdicts.values())
        for word in _AMISS:
            for job in getattr(whole, word):
                console.print(f"{each.queue}: {word}: {job}", markup=False, highlight=False)
        for error, count in each.refusals.items():
            console.print(f"{each.queue}: enqueues that raised, {error}: {count}", highlight=False)
        for end in each.own_exits:
            console.print(f"{each.queue}: a worker ended by itself, exit code {end.code}")
    console.print(f"seed {made['seed']}", highlight=False)


def _amiss(found: Findings) -> dict[str, Any]:
    whole = total(found.verdicts.values())
    jobs = {word: getattr(whole, word) for word in _AMISS}
    return {**jobs, "errors of enqueues": found.refusals}


def kept(found: Sequence[Findings]) -> bool:
    """Return whether naq lost nothing, left nothing stuck, and ended every job as it has to end."""
    return all(total(each.verdicts.values()).kept for each in found if each.queue == "naq")


def _beside(found: Sequence[Findings]) -> dict[str, Any]:
    columns = [_figures(each) for each in found]
    return {
        "title": "Under the same kills",
        "head": ["", *(each.queue for each in found)],
        "rows": [[name, *(column[name] for column in columns)] for name in columns[0]],
    }


def _figures(found: Findings) -> dict[str, str]:
    whole = total(found.verdicts.values())
    kills = Counter(fault.kind for fault in found.faults)
    documented = found.refusals.get("documented", 0)
    others = sum(found.refusals.values()) - documented - found.refusals.get("given up", 0)
    figures = {
        "jobs enqueued": whole.promised,
        "lost": len(whole.lost),
        "stuck": len(whole.stuck),
        "another outcome than they have to have": len(whole.wrong),
        "run again, as at-least-once permits": whole.repeated - len(whole.doubled),
        "doubled: ran twice to the end without such a reason": len(whole.doubled),
        "sockets leaked": found.leaked_sockets,
        "seconds to settle after the last kill": round(found.settled_after),
        "workers that ended by themselves": len(found.own_exits),
        "enqueues that raised, and were tried again": documented + others,
        "of these, with an error that is not documented": others if found.queue == "naq" else "",
        **{f"kills: {kind}": kills[kind] for kind in KINDS},
    }
    texts = {name: f"{value:,}" if value != "" else "" for name, value in figures.items()}
    return texts | {"growth of a worker's memory, MiB": f"{found.memory_growth:.1f}"}


def _kinds(found: Findings) -> dict[str, Any]:
    rows = []
    for kind, each in sorted(found.verdicts.items()):
        counts = [len(each.lost), len(each.stuck), len(each.wrong)]
        again = [each.repeated - len(each.doubled), len(each.doubled)]
        rows.append([kind, *(f"{count:,}" for count in (each.promised, *counts, *again))])
    return {"title": f"{found.queue}, by kind of job", "head": _KIND_HEAD, "rows": rows}


def _goals(found: Findings) -> list[dict[str, Any]]:
    whole = total(found.verdicts.values())
    values: dict[str, tuple[float, float]] = {
        "jobs of naq that are lost": (len(whole.lost), 0),
        "stuck": (len(whole.stuck), 0),
        "with another outcome than they have to have": (len(whole.wrong), 0),
        "doubled": (len(whole.doubled), 0),
        "sockets leaked": (found.leaked_sockets, 0),
        "growth of a worker's memory, MiB": (found.memory_growth, MEMORY_GROWTH),
    }
    return [
        {"name": name, "value": value, "limit": limit, "sense": "at most"}
        for name, (value, limit) in values.items()
    ]
