"""What a program pays for importing a queue, and what its command line needs to show its help.

Run it with ``python tests/benchmarks/start.py``, after ``pip install --group benchmarks``. The figures
are milliseconds of CPU time beyond those of an empty Python program, medians of the rounds, which
take the queues by turns. Exits with 1 when a goal is missed; with ``--json`` it prints what the site's
page shows.
"""

from __future__ import annotations

import argparse
import importlib.util
import resource
import statistics
import subprocess
import sys
from pathlib import Path

from figures import Figures

IMPORTS = ("naq", "arq", "celery", "dramatiq", "rq", "saq", "taskiq_nats")
COMMANDS = ("naq", "arq", "celery", "dramatiq", "rq", "saq", "taskiq")
EMPTY = [sys.executable, "-c", "pass"]


def cost(command: list[str]) -> float:
    """Return the milliseconds of CPU time of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    user = after.ru_utime - before.ru_utime
    return 1000 * (user + after.ru_stime - before.ru_stime)


def measure(commands: dict[str, list[str]], rounds: int) -> dict[str, float]:
    """Return the milliseconds of each command beyond an empty program's."""
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        empty = cost(EMPTY)
        for name, command in commands.items():
            taken[name].append(cost(command) - empty)
    return {name: statistics.median(several) for name, several in taken.items()}


def report(figures: Figures, title: str, taken: dict[str, float]) -> None:
    """Add a chart, and the goal that no peer is lighter."""
    figures.chart(title, "ms", taken)
    lightest = min(value for name, value in taken.items() if name != "naq")
    figures.goal(f"{title}: naq / the lightest peer", taken["naq"] / lightest, 1)


def main(rounds: int) -> int:
    """Measure, report, judge."""
    here = Path(sys.executable).parent
    imports = {
        name: [sys.executable, "-c", f"import {name}"]
        for name in IMPORTS
        if importlib.util.find_spec(name)
    }
    helps = {name: [str(here / name), "--help"] for name in COMMANDS if (here / name).exists()}
    figures = Figures()
    report(figures, "Import", measure(imports, rounds))
    report(figures, "The help of the command line", measure(helps, rounds))
    return figures.report()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", action="store_true", help="print what the site's page shows")
    sys.exit(main(parser.parse_args().rounds))
