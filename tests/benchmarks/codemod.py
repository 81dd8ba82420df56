"""What the codemod costs: beside ``ast-grep scan`` with its own rules, and beside LibCST.

Run on a quiet machine, with Django and LibCST installed: ``python tests/benchmarks/codemod.py``;
``--json`` prints what the site's page takes. The ways are measured by turns; figures are medians of
CPU seconds, those of all processes that a way starts. Exits with 1 when a goal is missed.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from flake8_naq.migrate.find import executable, rules
from flake8_naq.migrate.fixer import Options, fix_text
from flake8_naq.settings import Settings

ROUNDS = 3
FILES = 1000
DATA = Path(__file__).parents[1] / "unit" / "migrate" / "data"


@dataclass(frozen=True)
class Goal:
    """What a figure has to be.

    Args:
        name: What is measured.
        value: The figure.
        limit: Its limit.
        sense: On which side of that it has to be.
    """

    name: str
    value: float
    limit: float
    sense: Literal["at most", "at least"]

    @property
    def met(self) -> bool:
        """Whether it is."""
        return self.value <= self.limit if self.sense == "at most" else self.value >= self.limit


@dataclass
class Results:
    """What was measured.

    Args:
        seconds: CPU seconds by what took them.
        goals: The goals.
    """

    seconds: dict[str, float]
    goals: list[Goal]

    def as_dict(self) -> dict[str, object]:
        """The results as the site's page takes them."""
        return {
            "unit": "CPU seconds",
            "rows": [{"name": name, "value": value} for name, value in self.seconds.items()],
            "goals": [vars(goal) for goal in self.goals],
        }


def cpu() -> float:
    """CPU seconds of this process and of those that it has started and waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def medians(*ways: Callable[[], object]) -> list[float]:
    """The median CPU seconds of each way, taken by turns."""
    times: list[list[float]] = [[] for _ in ways]
    for _ in range(ROUNDS):
        for way, found in zip(ways, times, strict=True):
            began = cpu()
            way()
            found.append(cpu() - began)
    return [statistics.median(found) for found in times]


def fix(*paths: str) -> None:
    """Run the whole command, writing nothing."""
    command = [str(Path(sysconfig.get_path("scripts")) / "naq-migrate"), "fix", "--check"]
    subprocess.run([*command, "--isolated", *paths], capture_output=True, check=False)


def scan(*paths: str) -> None:
    """Run ast-grep with the codemod's rules over everything."""
    command = [executable(), "scan", "--inline-rules", rules(Settings()), "--json=stream"]
    subprocess.run([*command, *paths], capture_output=True, check=False)


def wide(results: Results) -> None:
    """The standard library and Django, in which there is next to nothing to do."""
    django = find_spec("django")
    assert django is not None
    assert django.origin is not None
    places = (sysconfig.get_path("stdlib"), str(Path(django.origin).parent))
    ours, theirs = medians(lambda: fix(*places), lambda: scan(*places))
    results.seconds["fix, standard library and Django"] = ours
    results.seconds["ast-grep scan, the same"] = theirs
    results.goals.append(Goal("fix / ast-grep scan", ours / theirs, 1, "at most"))


def modules() -> list[str]:
    """The pairs' modules, those with something to rewrite."""
    return [
        (folder / "before.py").read_text()
        for folder in sorted(DATA.iterdir())
        if (folder / "after.py").exists()
    ]


def many(results: Results) -> None:
    """A tree of candidates, every one of them rewritten."""
    texts = modules()
    peaks = []
    with tempfile.TemporaryDirectory(prefix="naq-benchmark-") as name:
        for number in (FILES // 4, FILES):
            folder = Path(name) / str(number)
            folder.mkdir()
            for index in range(number):
                (folder / f"m{index}.py").write_text(texts[index % len(texts)])
            began = cpu()
            fix(str(folder))
            results.seconds[f"fix, {number} candidate files"] = cpu() - began
            peaks.append(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
            shutil.rmtree(folder)
    results.goals += [
        Goal(
            "CPU seconds, 1,000 candidate files",
            results.seconds[f"fix, {FILES} candidate files"],
            60,
            "at most",
        ),
        Goal("peak memory, 1,000 files / 250 files", peaks[1] / peaks[0], 1.25, "at most"),
    ]


def beside_libcst(results: Results) -> None:
    """The same candidates, proofs included, beside a LibCST transform without any."""
    from libcst_transform import transform

    # Of the size that modules have.
    texts = ["\n\n".join(modules()), *modules()]

    def ours() -> None:
        for text in texts:
            fix_text(text, "module.py", Options())

    def theirs() -> None:
        for text in texts:
            transform(text)

    mine, other = medians(ours, theirs)
    lines = sum(text.count("\n") for text in texts)
    results.seconds[f"fix, {lines} lines of candidates"] = mine
    results.seconds["a LibCST transform, the same"] = other
    results.goals.append(Goal("a LibCST transform / fix", other / mine, 3, "at least"))


def measure() -> Results:
    """Measure everything.

    The memory is measured before LibCST is loaded, and before anything larger was waited for.
    """
    results = Results({}, [])
    for part in (many, wide, beside_libcst):
        part(results)
    return results


def main() -> int:
    """Measure, print, judge."""
    for module in ("django", "libcst"):
        if find_spec(module) is None:
            print(f"{module} is not installed: pip install {module}", file=sys.stderr)
            return 2
    results = measure()
    if "--json" in sys.argv:
        print(json.dumps(results.as_dict()))
    else:
        for name, value in results.seconds.items():
            print(f"{name:36} {value:8.2f} CPU s")
        for goal in results.goals:
            judged = "ok" if goal.met else "MISSED"
            print(f"{goal.name:36} {goal.value:8.3f}  {goal.sense} {goal.limit:g}  {judged}")
    return int(not all(goal.met for goal in results.goals))


if __name__ == "__main__":
    sys.exit(main())
