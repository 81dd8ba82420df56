"""The parts of a phase's page that come from its record, as Markdown."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recorder import overview, record, side_by_side
from recorder.markdown import fence, indent, table
from recorder.phases import ROOT, Phase
from recorder.playground import page as playground
from recorder.source import functions, source_of, source_page

LONGEST_RESULT = 160
"""Characters of a result that a page shows; the record holds all of them."""

_HEADINGS = {"before": "before", "fixed": "fixed by the codemod", "now": "now"}


def _rule_link(code: str) -> str:
    return f"[{code}](../../rules/NAQ{code[4:]}.md)"


def _findings(documents: list[dict[str, Any]]) -> str:
    rows = []
    for found in documents:
        where = f"`{found['path'].partition('before/')[2]}:{found['line']}`"
        rows.append([_rule_link(found["code"]), where, found["text"]])
    return table(["Code", "Where", "Finding"], rows)


def findings(phase: Phase) -> str:
    """The linter's findings on the modules before."""
    return _findings(record.read(phase)["findings"])


def remaining(phase: Phase) -> str:
    """The sites that the codemod left, with its reasons."""
    left = record.read(phase)["left"]
    if not left:
        return "The linter finds nothing in the result.\n"
    rows = [[_rule_link(one["code"]), f"`{one['place']}`", one["reason"]] for one in left]
    return table(["Code", "Where", "Reason"], rows)


def code(phase: Phase) -> str:
    """Each module before and as the codemod rewrote it: one diff, with the unsafe fixes marked."""
    place = phase.before.relative_to(ROOT)
    unsafe = added_lines(phase.diff("unsafe").read_text(encoding="utf-8"))
    parts = [fence("sh", f"naq-migrate fix {place}")]
    if unsafe:
        parts = [fence("sh", f"naq-migrate fix {place}\nnaq-migrate fix --unsafe-fixes {place}")]
        parts.append("Lines with a bar in front are made by unsafe fixes.\n{ .unsafe-key }\n")
    for file in phase.files(phase.before):
        name = file.relative_to(phase.before)
        before = file.read_text(encoding="utf-8")
        fixed = (phase.fixed / name).read_text(encoding="utf-8")
        headings = (f"before/{name}", f"fixed/{name}")
        lines = unsafe.get(str(place / name), set())
        parts.append(side_by_side.table(before, fixed, headings, unsafe=lines))
        parts.append(playground.link(before, name.as_posix()))
    return "\n".join(parts)


def added_lines(diff: str) -> dict[str, set[int]]:
    """The numbers of the lines that a unified diff adds, by path."""
    added: defaultdict[str, set[int]] = defaultdict(set)
    path, number = "", 0
    for line in diff.splitlines():
        if line.startswith("+++ "):
            path = line.removeprefix("+++ ")
        elif hunk := re.match(r"@@ -\S+ \+(\d+)", line):
            number = int(hunk[1])
        elif line.startswith("+"):
            added[path].add(number)
            number += 1
        elif line.startswith(" "):
            number += 1
    return added


def now(phase: Phase) -> str:
    """The functions of the phase as they are in ``src/naq``, those changed by hand marked."""
    parts = []
    for module, successor in zip(phase.modules, phase.successor_paths, strict=True):
        fixed = next(phase.files(phase.fixed, (module,)))
        by_hand = [name for place, name in phase.places_by_hand if place == phase.successor(module)]
        names = [*by_hand, *(name for name in functions(fixed) if name not in by_hand)]
        parts.append(f"[`{successor}`](../../{source_page(successor)}) today:\n")
        parts += [_now(fixed, ROOT / successor, name, name in by_hand) for name in names]
    return "\n".join(part for part in parts if part)


def _now(fixed: Path, successor: Path, name: str, by_hand: bool) -> str:
    """One function as it is today, beside what the codemod made of it where both have it."""
    try:
        today = source_of(successor, name)
    except LookupError:
        return ""
    title = f"`{name}`, changed by hand" if by_hand else f"`{name}`"
    try:
        made = source_of(fixed, name)
    except LookupError:
        shown = fence("python", today)
    else:
        shown = side_by_side.table(made, today, ("fixed", "now"))
    return f'??? {"warning" if by_hand else "example"} "{title}"\n\n{indent(shown)}\n'


def effect(phase: Phase) -> str:
    """The server's counts before and after, and the lines of code."""
    document = record.read(phase)
    variants: dict[str, Any] = document["variants"]
    rows: list[list[str]] = []

    def count(label: str, name: str) -> None:
        rows.append([label, *(f"{v['counts'][name]:,}" for v in variants.values())])

    count("connections opened", "connections")
    count("requests sent", "requests")
    count("bytes sent", "bytes")
    rows.append(["left open", *(str(v["left_open"]) for v in variants.values())])
    if seconds := document["seconds"]:
        rows.append(["1,000 calls, seconds", *(f"{seconds[state]:.2f}" for state in variants)])
    lines = record.lines(phase)
    rows.append(["lines of code", *(str(lines[state]) for state in variants)])
    return table(["", *(_HEADINGS[state] for state in variants)], rows, numbers=len(variants))


def calls(phase: Phase) -> str:
    """Every call of the scenario with its outcome, which all variants share."""
    rows = []
    for step in record.read(phase)["variants"]["before"]["steps"]:
        outcome = (
            f"`{_short(step['result'])}`" if "result" in step else f"raises `{step['raised']}`"
        )
        rows.append([step["call"], outcome])
    return f'<div class="calls" markdown>\n\n{table(["Call", "Outcome"], rows)}\n</div>\n'


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_RESULT else f"{text[:LONGEST_RESULT]}…"


PARTS: dict[str, Callable[[Phase], str]] = {
    "glance": overview.glance,
    "provenance": overview.provenance,
    "findings": findings,
    "remaining": remaining,
    "code": code,
    "now": now,
    "effect": effect,
    "calls": calls,
}
"""Parts that a phase's page may request with ``<!-- record: NAME -->``."""
