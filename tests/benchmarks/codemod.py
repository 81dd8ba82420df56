"""What the codemod costs: beside ``ast-grep scan`` with its own rules, and beside LibCST.

Run on a quiet machine, with Django and LibCST installed: ``python tests/benchmarks/codemod.py``.
The ways are measured by turns; figures are medians. Exits with 1 when a goal is missed.
"""

from __future__ import annotations

import resource
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from flake8_naq.migrate.find import executable, rules
from flake8_naq.migrate.fixer import Options, fix_text
from flake8_naq.settings import Settings

ROUNDS = 3
FILES = 1000
LIBCST_GOAL = 3.0
"""A LibCST transform must take at least this many times as long."""

DATA = Path(__file__).parents[1] / "unit" / "migrate" / "data"


def medians(*ways: Callable[[], object]) -> list[float]:
    """The median seconds of each way, taken by turns."""
    times: list[list[float]] = [[] for _ in ways]
    for _ in range(ROUNDS):
        for way, found in zip(ways, times, strict=True):
            began = time.perf_counter()
            way()
            found.append(time.perf_counter() - began)
    return [statistics.median(found) for found in times]


def fix(*paths: str) -> None:
    """Run the whole command, writing nothing."""
    command = [str(Path(sysconfig.get_path("scripts")) / "naq-migrate"), "fix", "--check"]
    subprocess.run([*command, "--isolated", *paths], capture_output=True, check=False)


def scan(*paths: str) -> None:
    """Run ast-grep with the codemod's rules over everything."""
    command = [executable(), "scan", "--inline-rules", rules(Settings()), "--json=stream"]
    subprocess.run([*command, *paths], capture_output=True, check=False)


def wide() -> bool:
    """The standard library and Django, in which there is next to nothing to do."""
    django = find_spec("django")
    if django is None or django.origin is None:
        print("Django is not installed: pip install django")
        return False
    places = (sysconfig.get_path("stdlib"), str(Path(django.origin).parent))
    ours, theirs = medians(lambda: fix(*places), lambda: scan(*places))
    print(f"standard library and Django: fix {ours:.2f} s, ast-grep scan {theirs:.2f} s")
    return ours < theirs


def modules() -> list[str]:
    """The pairs' modules, those with something to rewrite."""
    return [
        (folder / "before.py").read_text()
        for folder in sorted(DATA.iterdir())
        if (folder / "after.py").exists()
    ]


def many() -> bool:
    """A tree of candidates, every one of them rewritten."""
    texts = modules()
    with tempfile.TemporaryDirectory(prefix="naq-benchmark-") as name:
        peaks = []
        for number in (FILES // 4, FILES):
            folder = Path(name) / str(number)
            folder.mkdir()
            for index in range(number):
                (folder / f"m{index}.py").write_text(texts[index % len(texts)])
            began = time.perf_counter()
            fix(str(folder))
            taken = time.perf_counter() - began
            peaks.append(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
            print(f"{number} candidate files: {taken:.1f} s, peak {peaks[-1]:.0f} MB")
            shutil.rmtree(folder)
    return peaks[1] < 1.25 * peaks[0]


def beside_libcst() -> bool:
    """The same candidates, proofs included, beside a LibCST transform without any."""
    if find_spec("libcst") is None:
        print("LibCST is not installed: pip install libcst")
        return False
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
    print(
        f"{lines} lines of candidates: fix {mine:.2f} s, LibCST {other:.2f} s, {other / mine:.1f} times"
    )
    return other >= LIBCST_GOAL * mine


if __name__ == "__main__":
    results = [wide(), many(), beside_libcst()]
    sys.exit(not all(results))
