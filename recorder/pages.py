"""The parts of a phase's page that come from its record, as Markdown."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recorder import overview, record, side_by_side
from recorder.markdown import fence, table, tabs
from recorder.phases import ROOT, Phase
from recorder.playground import page as playground

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


def by_hand(phase: Phase) -> str:
    """The places of the successors that were changed by hand."""
    parts = []
    for place in phase.by_hand:
        module, _, name = place.partition(":")
        file = Path("src", *module.split(".")).with_suffix(".py")
        parts.append(fence("python", source_of(ROOT / file, name), title=str(file)))
    return "\n".join(parts)


def source_of(file: Path, name: str) -> str:
    """Return the source of a function or class.

    Args:
        file: the module.
        name: dotted, as ``Class.method``.

    Raises:
        LookupError: the module has no such place.
    """
    source = file.read_text(encoding="utf-8")
    body = ast.parse(source).body
    for part in name.split("."):
        found = [statement for statement in body if getattr(statement, "name", None) == part]
        if not found:
            raise LookupError(f"{file} has no {name}")
        body = getattr(found[0], "body", [])
    decorators = getattr(found[0], "decorator_list", [])
    first = min(node.lineno for node in (found[0], *decorators))
    return textwrap.dedent("\n".join(source.splitlines()[first - 1 : found[0].end_lineno]))


def code(phase: Phase) -> str:
    """Each module before and after, side by side, with the changed lines marked."""
    parts = []
    for file in phase.files(phase.before):
        name = file.relative_to(phase.before)
        before = file.read_text(encoding="utf-8")
        fixed = (phase.fixed / name).read_text(encoding="utf-8")
        headings = (f"before/{name}", f"fixed/{name}")
        parts.append(side_by_side.table(before, fixed, headings))
        parts.append(playground.link(before, name.as_posix()))
    return "\n".join(parts)


def diffs(phase: Phase) -> str:
    """The codemod's diffs, safe fixes and unsafe ones apart."""
    place = phase.before.relative_to(ROOT)
    commands = {"safe": f"naq-migrate fix --diff {place}"}
    commands["unsafe"] = f"naq-migrate fix --diff --unsafe-fixes {place}"
    texts = {safety: phase.diff(safety).read_text(encoding="utf-8") for safety in commands}
    return tabs(
        (f"{safety.title()} fixes", fence("diff", text, title=commands[safety]))
        for safety, text in texts.items()
        if text
    )


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
    lines = document["lines"]
    rows.append(["lines of code", *(str(lines.get(state, "")) for state in variants)])
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
    "by-hand": by_hand,
    "code": code,
    "diffs": diffs,
    "effect": effect,
    "calls": calls,
}
"""Parts that a phase's page may request with ``<!-- record: NAME -->``."""
