"""The page of the codemod's pairs: each before and after as a diff, with the codemod's messages."""

from __future__ import annotations

import difflib
from pathlib import Path

from recorder.markdown import fence
from recorder.phases import ROOT
from recorder.playground import page as playground

DATA = ROOT / "tests" / "unit" / "migrate" / "data"
"""Where the pairs are: each a folder with ``before.py`` and the codemod's output."""

GROUPS = {
    "medium": "Scheduler, status and results",
    "high": "Queue, worker and events",
    "categories": "By category, without a `try`",
    "plain": "Plain nats-py",
}


def page() -> str:
    """The pairs, group by group."""
    parts: list[str] = []
    for group, title in GROUPS.items():
        parts.append(f"## {title}\n")
        parts += [_pair(folder, group) for folder in sorted(DATA.glob(f"{group}_*"))]
    return "\n".join(parts)


def _pair(folder: Path, group: str) -> str:
    words = folder.name.removeprefix(f"{group}_").replace("kv", "key-value").split("_")
    title = " ".join(words).capitalize()
    parts = [f"### {title}\n"]
    before, after = folder / "before.py", folder / "after.py"
    if after.exists():
        parts.append(_diff("naq-migrate fix", before, after))
    else:
        parts.append(fence("python", before.read_text(encoding="utf-8"), title="left as it is"))
    unsafe = folder / "after_unsafe.py"
    if unsafe.exists():
        safe = after if after.exists() else before
        parts.append(_diff("naq-migrate fix --unsafe-fixes, on top", safe, unsafe))
    messages = (folder / "messages.txt").read_text(encoding="utf-8")
    if messages:
        parts.append(fence("text", messages, title="messages"))
    parts.append(playground.link(before.read_text(encoding="utf-8"), "before.py"))
    return "\n".join(parts)


def _diff(title: str, before: Path, after: Path) -> str:
    lines = difflib.unified_diff(
        before.read_text(encoding="utf-8").splitlines(keepends=True),
        after.read_text(encoding="utf-8").splitlines(keepends=True),
        "before",
        "after",
    )
    return fence("diff", "".join(lines), title=title)
