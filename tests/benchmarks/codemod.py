"""The cost of the codemod: beside ``ast-grep scan`` with its own rules, and beside LibCST.

Run on a quiet machine, with Django and LibCST installed: ``python tests/benchmarks/codemod.py``;
``--json`` prints what the site's page takes. The ways are measured by turns; figures are medians of
CPU seconds, those of all processes that a way starts. Exits with 1 when a goal is missed.
"""

from __future__ import annotations

import ast
import os
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import textwrap
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from figures import Figures

from flake8_naq.migrate.fixer import Options, fix_text
from flake8_naq.migrate.match.ast_grep import executable, rules_for
from flake8_naq.migrate.match.rule_files import built_in, helpers_of
from flake8_naq.migrate.prove import Function, prove_function
from flake8_naq.names import Names
from flake8_naq.settings import Settings

ROUNDS = 3
FILES = 1000
DATA = Path(__file__).parents[1] / "unit" / "migrate" / "data"


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


def fix(*paths: str) -> float:
    """Run the whole command, writing nothing; return its peak memory in MB."""
    command = [str(Path(sysconfig.get_path("scripts")) / "naq-migrate"), "fix", "--check"]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen([*command, "--isolated", *paths], stdout=quiet, stderr=quiet)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss / 1024


def scan(*paths: str) -> None:
    """Run ast-grep with the codemod's rules over everything."""
    command = [
        executable(),
        "scan",
        "--inline-rules",
        rules_for(built_in(), Settings()),
        "--json=stream",
    ]
    subprocess.run([*command, *paths], capture_output=True, check=False)


def wide(figures: Figures) -> None:
    """The standard library and Django, in which there is next to nothing to do."""
    django = find_spec("django")
    assert django is not None
    assert django.origin is not None
    places = (sysconfig.get_path("stdlib"), str(Path(django.origin).parent))
    ours, theirs = medians(lambda: fix(*places), lambda: scan(*places))
    figures.chart(
        "The standard library and Django, where there is next to nothing to do",
        "s",
        {"naq-migrate fix": ours, "ast-grep scan": theirs},
    )
    figures.goal("naq-migrate fix / ast-grep scan", ours / theirs, 1)


def modules() -> list[str]:
    """The pairs' modules, those with something to rewrite."""
    return [
        (folder / "before.py").read_text()
        for folder in sorted(DATA.iterdir())
        if (folder / "after.py").exists()
    ]


def many(figures: Figures) -> None:
    """A tree of candidates, every one of them rewritten."""
    texts = modules()
    seconds: dict[str, float] = {}
    peaks: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="naq-benchmark-") as name:
        for number in (FILES // 4, FILES):
            folder = Path(name) / str(number)
            folder.mkdir()
            for index in range(number):
                (folder / f"m{index}.py").write_text(texts[index % len(texts)])
            size = f"{number:,} files"
            began = cpu()
            peaks[size] = fix(str(folder))
            seconds[size] = cpu() - began
            shutil.rmtree(folder)
    figures.chart("Files that are all rewritten", "s", seconds)
    figures.chart("Peak memory over them", "MB", peaks)
    few, all_of_them = peaks.values()
    figures.goal("1,000 files, CPU seconds", seconds[f"{FILES:,} files"], 60)
    figures.goal("peak memory, 1,000 files / 250 files", all_of_them / few, 1.25)


def beside_libcst(figures: Figures) -> None:
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
    figures.chart(
        f"{lines:,} lines of candidates",
        "s",
        {"naq-migrate fix, proofs included": mine, "a LibCST transform without any": other},
    )
    figures.goal("a LibCST transform / naq-migrate fix", other / mine, 3, "at least")


def functions(text: str) -> dict[str, Function]:
    """The coroutines of a module, by qualified name."""
    names = Names(ast.parse(text))
    helpers = helpers_of(built_in())
    return {
        scope.qualname: Function(names, scope, Settings(), helpers)
        for scope in names.scopes.values()
        if isinstance(scope.node, ast.AsyncFunctionDef)
    }


def rewritten() -> list[tuple[Function, Function]]:
    """The functions of the pairs that are rewritten, before and after."""
    pairs = []
    for folder in sorted(DATA.iterdir()):
        if (folder / "after.py").exists():
            old = functions((folder / "before.py").read_text())
            new = functions((folder / "after.py").read_text())
            pairs += [
                (function, new[name])
                for name, function in old.items()
                if name in new and ast.dump(function.scope.node) != ast.dump(new[name].scope.node)
            ]
    return pairs


def long(size: int) -> tuple[Function, Function]:
    """A function of so many branches, closed in a `finally`, and its rewrite."""
    body = "".join(f"    if n == {i}:\n        await nc.publish('{i}', b'')\n" for i in range(size))
    inner = textwrap.indent(body, "    ")
    head = "import nats\nasync def f(n):\n"
    before = (
        f"    nc = await nats.connect()\n    try:\n{inner}    finally:\n        await nc.close()\n"
    )
    after = f"    async with await nats.connect() as nc:\n{inner}"
    return functions(head + before)["f"], functions(head + after)["f"]


def proof(figures: Figures) -> None:
    """The proof alone: a function of the pairs on average, and how it grows."""
    pairs = rewritten()

    def all_pairs() -> None:
        for _ in range(10):
            for pair in pairs:
                prove_function(*pair)

    short, many_branches = long(50), long(500)
    every, small, large = medians(
        all_pairs,
        lambda: [prove_function(*short) for _ in range(10)],
        lambda: prove_function(*many_branches),
    )
    each = 1000 * every / len(pairs) / 10
    figures.chart("The proof of one function", "ms", {f"{len(pairs)} rewritten functions": each})
    figures.goal("proof of one function, ms", each, 5)
    figures.goal("proof of 500 branches / ten times 50 branches", large / small, 1.5)


def main() -> int:
    """Measure, report, judge."""
    for module in ("django", "libcst"):
        if find_spec(module) is None:
            print(f"{module} is not installed: pip install {module}", file=sys.stderr)
            return 2
    figures = Figures()
    for part in (many, wide, beside_libcst, proof):
        part(figures)
    return figures.report()


if __name__ == "__main__":
    sys.exit(main())
