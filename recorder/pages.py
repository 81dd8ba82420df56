"""The parts of a phase's page that come from its record, as Markdown."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

from recorder import record
from recorder.phases import ROOT, Phase

_HEADINGS = {"before": "before", "fixed": "fixed by the codemod", "now": "now"}


def _fence(language: str, text: str, title: str, marked: list[int] | None = None) -> str:
    options = f' title="{title}"'
    if marked:
        options += f' hl_lines="{" ".join(map(str, marked))}"'
    return f"``` {{.{language}{options}}}\n{text.rstrip()}\n```\n"


def _table(rows: list[list[str]]) -> str:
    head, *body = rows
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"


def _escape(text: str) -> str:
    return text.replace("|", "\\|")


def _tab(title: str, content: str) -> str:
    indented = "\n".join(f"    {line}".rstrip() for line in content.splitlines())
    return f'=== "{title}"\n\n{indented}\n\n'


def findings(phase: Phase) -> str:
    """The linter's findings on the modules as they stood, and on the result."""
    document = record.read(phase)
    rows = [["Code", "Where", "Finding"]]
    for found in document["findings"]:
        code = found["code"]
        where = f"`{found['path'].partition('before/')[2]}:{found['line']}`"
        link = f"[{code}](../../rules/NAQ{code[4:]}.md)"
        rows.append([link, where, _escape(found["text"])])
    left = len(document["remaining"])
    after = "none" if left == 0 else str(left)
    return f"{_table(rows)}\nFindings on the result: **{after}**.\n"


def _changed(before: list[str], after: list[str]) -> tuple[list[int], list[int]]:
    old: list[int] = []
    new: list[int] = []
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for tag, start, end, new_start, new_end in matcher.get_opcodes():
        if tag != "equal":
            old.extend(range(start + 1, end + 1))
            new.extend(range(new_start + 1, new_end + 1))
    return old, new


def code(phase: Phase) -> str:
    """Each module before and after, with the changed lines marked."""
    parts = []
    for file in phase.files(phase.before):
        name = file.relative_to(phase.before)
        before = file.read_text(encoding="utf-8")
        fixed = (phase.fixed / name).read_text(encoding="utf-8")
        old, new = _changed(before.splitlines(), fixed.splitlines())
        parts.append(
            _tab("Before", _fence("python", before, f"before/{name}", old))
            + _tab("Fixed", _fence("python", fixed, f"fixed/{name}", new))
        )
    return "\n".join(parts)


def diffs(phase: Phase) -> str:
    """The codemod's diffs, safe fixes and unsafe ones apart."""
    place = phase.before.relative_to(ROOT)
    commands = {"safe": f"naq-migrate fix --diff {place}"}
    commands["unsafe"] = f"naq-migrate fix --diff --unsafe-fixes {place}"
    parts = []
    for safety, command in commands.items():
        text = phase.diff(safety).read_text(encoding="utf-8")
        if text:
            parts.append(_tab(f"{safety.title()} fixes", _fence("diff", text, command)))
    return "".join(parts)


def effect(phase: Phase) -> str:
    """What the server counted, before and after, and the lines of code."""
    document = record.read(phase)
    variants: dict[str, Any] = document["variants"]
    rows = [["", *(_HEADINGS[state] for state in variants)]]

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
    return _table(rows)


def calls(phase: Phase) -> str:
    """Every call of the scenario with its outcome, which all variants share."""
    rows = [["Call", "Outcome"]]
    for step in record.read(phase)["variants"]["before"]["steps"]:
        outcome = f"`{step['result']}`" if "result" in step else f"raises `{step['raised']}`"
        rows.append([step["call"], _escape(outcome)])
    return _table(rows)


PARTS: dict[str, Callable[[Phase], str]] = {
    "findings": findings,
    "code": code,
    "diffs": diffs,
    "effect": effect,
    "calls": calls,
}
"""What a phase's page may ask for with ``<!-- record: NAME -->``."""
