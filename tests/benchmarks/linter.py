"""The cost of the linter, in CPU time inside one process: ``python tests/benchmarks/linter.py``.

Times a file that does not mention NATS, files that do, generated functions of growing size, and
the same files under flake8-bugbear, pylint's consider-using-with (R1732) and ruff's SIM115, where
they are installed. Rounds are interleaved and medians taken, since a whole run of flake8 against
another drowns in noise. The tools of a process of their own (ruff, pylint) are timed as they are.
Exits with 1 when a goal is missed. With ``--json`` it prints what the site's page shows.
"""

from __future__ import annotations

import argparse
import ast
import compileall
import gc
import importlib.util
import resource
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

from figures import Figures

import flake8_naq
from flake8_naq.lifetimes.analysis import workspace_of
from flake8_naq.linter import lint
from flake8_naq.names.project import project_of
from flake8_naq.plugin import Plugin
from flake8_naq.settings import Settings, mentions_nats

ROUNDS = 5
PROCESS_ROUNDS = 3
"""Of the tools that run in a process of their own; pylint takes a second for 1,000 lines."""

PROJECT_FILES = 2000
"""Of the generated project."""

DEFAULTS = Settings()
Source = tuple[str, list[str], ast.Module]


def main() -> int:
    """Measure, report, judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "paths", nargs="*", type=Path, help="code that uses NATS; default: this repository"
    )
    parser.add_argument("--plain", type=Path, default=Path(sysconfig.get_path("stdlib")))
    parser.add_argument("--files", type=int, default=300, help="at most so many of each kind")
    parser.add_argument("--json", action="store_true", help="print what the site's page shows")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    plain = [source for source in sources([options.plain], options.files) if not concerned(source)]
    using = [
        source for source in sources(options.paths or [Path()], options.files) if concerned(source)
    ]
    # The trees of so many files would slow each collection of garbage; flake8 has one at a time.
    gc.freeze()
    figures = Figures()
    if using:
        beside(using, figures)
        per_line(using, figures)
    per_file(plain, figures)
    share(plain[::3], figures)
    growth(figures)
    across_files(figures)
    linearity(figures)
    imports(figures)
    return figures.report()


def sources(paths: list[Path], most: int) -> list[Source]:
    """Files that parse."""
    found: list[Source] = []
    for path in (file for root in paths for file in sorted(root.rglob("*.py"))):
        if len(found) >= most * 4 or "site-packages" in path.parts:
            continue
        try:
            text = path.read_text(encoding="utf-8")
            found.append((str(path), text.splitlines(keepends=True), ast.parse(text)))
        except (OSError, SyntaxError, ValueError, RecursionError):
            continue
    return found


def concerned(source: Source) -> bool:
    """Whether a file mentions NATS."""
    return mentions_nats("".join(source[1]), DEFAULTS)


def cpu(action: Callable[[], object]) -> float:
    """CPU milliseconds of one call."""
    started = time.process_time()
    action()
    return (time.process_time() - started) * 1000


def plugin(source: Source) -> list[object]:
    """All findings of the plugin, as flake8 asks for them."""
    filename, lines, tree = source
    return list(Plugin(tree, filename, lines).run())


def per_file(files: list[Source], figures: Figures) -> None:
    """Files that do not mention NATS."""
    medians = [
        statistics.median(cpu(lambda s=source: plugin(s)) for _ in range(ROUNDS))
        for source in files
    ]
    figures.goal("a file without NATS, ms", statistics.median(medians), 0.1)


def share(files: list[Source], figures: Figures) -> None:
    """The plugin's cost in a run of flake8 over a code base without NATS."""
    names = [source[0] for source in files]
    ours = statistics.median(
        cpu(lambda: [plugin(source) for source in files]) for _ in range(ROUNDS)
    )
    taken = ours / _process(_flake8(names)) * 100
    figures.goal("share of flake8's time over the standard library, %", taken, 0.5)


def per_line(files: list[Source], figures: Figures) -> None:
    """Files that do."""
    rates = []
    for source in files:
        median = statistics.median(cpu(lambda s=source: plugin(s)) for _ in range(ROUNDS))
        rates.append(median / max(len(source[1]), 1) * 1000)
    figures.goal("1,000 lines with NATS, median of files, ms", statistics.median(rates), 5)


def growth(figures: Figures) -> None:
    """Generated functions: twice the size should cost twice the time."""
    head = "import nats\nasync def f(url):\n    nc = await nats.connect(url)\n"
    tail = "    await nc.close()\n"
    shapes: dict[str, Callable[[int], str]] = {
        "statements": lambda n: "    await nc.publish('a', b'')\n" * n,
        "branches": lambda n: "".join(
            f"    if x{i}:\n        await nc.flush()\n" for i in range(n)
        ),
        "connections": lambda n: (
            "    nc = await nats.connect(url)\n    await nc.close()\n" * (n // 2)
        ),
    }
    sizes = (1250, 2500, 5000)
    found: dict[str, float] = {}
    for name, shape in shapes.items():
        for size in sizes:
            tree = ast.parse(head + shape(size) + tail)
            found[f"{size:,} {name}"] = statistics.median(
                cpu(lambda t=tree: lint(t, "x.py", DEFAULTS)) for _ in range(ROUNDS)
            )
    figures.chart("One function that grows", "ms", found)
    for name in shapes:
        largest = f"{sizes[-1]:,} {name}"
        figures.goal(f"a function of {largest}, ms", found[largest], 1000)


def across_files(figures: Figures) -> None:
    """A generated project in which every second file reaches NATS through helpers of other files."""
    with tempfile.TemporaryDirectory(prefix="naq-linter-") as name:
        files = generated(Path(name), PROJECT_FILES)
        gc.freeze()
        start = _process(_flake8([str(Path(name) / "setup.cfg")]))
        # flake8 takes the same time for each of these files.
        sample = [source[0] for source in files[::10]]
        whole = start + (_process(_flake8(sample)) - start) * len(files) / len(sample)
        shares = {}
        for jobs in (1, 8):
            # Each process of flake8 reads the helpers for itself.
            parts = [files[number::jobs] for number in range(jobs)]
            taken = sum(cpu(lambda part=part: _fresh_run(part)) for part in parts)
            shares[f"{jobs} jobs"] = taken / whole * 100
        one = next(source for source in files if source[0].endswith("mod1.py"))
        alone = statistics.median(cpu(lambda: _fresh_run([one])) for _ in range(ROUNDS))
        shares["one file alone"] = alone / _process(_flake8([one[0]])) * 100
    figures.chart(
        f"Share of flake8's time over {len(files):,} generated files, half of them with helpers "
        "in other files",
        "%",
        shares,
    )
    for case, taken in shares.items():
        figures.goal(f"helpers in other files, share of flake8's time, {case}, %", taken, 3)


def linearity(figures: Figures) -> None:
    """Modules with many classes and many imports, and circles of imports: twice the size, twice the time."""
    grown: dict[str, float] = {}
    for name, build in {
        "classes": _classes,
        "classes in one chain": _chain,
        "imports": _imports,
        "files in a circle": _circle,
    }.items():
        small, large = (_time_of(build, size) for size in (400, 800))
        grown[name] = large / small
    figures.chart("Twice as many: how many times as long", "times", grown)
    for name, ratio in grown.items():
        figures.goal(f"twice as many {name}, times as long", ratio, 2.6)


def _time_of(build: Callable[[Path, int], Path], size: int) -> float:
    with tempfile.TemporaryDirectory(prefix="naq-linter-") as name:
        (Path(name) / "setup.cfg").touch()
        text = build(Path(name), size).read_text(encoding="utf-8")
        path = str(Path(name) / "main.py")
        source = (path, text.splitlines(keepends=True), ast.parse(text))
        return min(cpu(lambda: _fresh_run([source])) for _ in range(ROUNDS))


_USE = "async def work(url):\n    nc = await nats.connect(url)\n    await nc.close()\n"


def _classes(root: Path, size: int) -> Path:
    """Classes that keep a connection."""
    text = "import nats\n" + "".join(
        f"class C{i}:\n    async def start(self):\n        self.nc = await nats.connect()\n"
        for i in range(size)
    )
    return _written(root, text)


def _chain(root: Path, size: int) -> Path:
    """Classes of which each derives from the one before."""
    text = "import nats\nclass C0:\n    pass\n" + "".join(
        f"class C{i}(C{i - 1}):\n    async def start(self):\n        self.nc = await nats.connect()\n"
        for i in range(1, size)
    )
    return _written(root, text)


def _imports(root: Path, size: int) -> Path:
    """A file that imports from as many others."""
    for index in range(size):
        (root / f"m{index}.py").write_text(f"async def f{index}():\n    pass\n")
    text = "import nats\n" + "".join(f"from m{i} import f{i}\n" for i in range(size)) + _USE
    return _written(root, text)


def _circle(root: Path, size: int) -> Path:
    """A file in a circle of files that call one another."""
    for index in range(size):
        after = (index + 1) % size
        (root / f"m{index}.py").write_text(
            f"from m{after} import f{after}\nasync def f{index}():\n    await f{after}()\n"
        )
    return _written(root, "import nats\nfrom m0 import f0\n" + _USE + "    await f0()\n")


def _written(root: Path, text: str) -> Path:
    path = root / "main.py"
    path.write_text(text, encoding="utf-8")
    return path


def imports(figures: Figures) -> None:
    """What every run of flake8 pays for the plugin, and what a run pays that meets NATS."""
    # An installer compiles the modules.
    compileall.compile_dir(str(Path(flake8_naq.__file__).parent), quiet=1)
    start = _process([sys.executable, "-c", "import flake8.main.application"])
    plugin_too = _process([sys.executable, "-c", _IMPORT_PLUGIN])
    analysis_too = _process([sys.executable, "-c", _IMPORT_PLUGIN + "; import flake8_naq.linter"])
    figures.chart(
        "Loading, once a process",
        "ms",
        {
            "flake8": start,
            "the plugin": plugin_too - start,
            "the analysis, when a file needs it": analysis_too - plugin_too,
        },
    )
    share = (plugin_too - start) / start
    figures.goal("loading the plugin, share of loading flake8", share, 1 / 8)


_IMPORT_PLUGIN = "import flake8.main.application; import flake8_naq.plugin"


def _flake8(names: list[str]) -> list[str]:
    return [sys.executable, "-m", "flake8", "--isolated", "--jobs=1", "--quiet", *(names)]


def _fresh_run(files: list[Source]) -> None:
    """Run over files as a new process does, with nothing read before."""
    workspace_of.cache_clear()
    project_of.cache_clear()
    for source in files:
        plugin(source)


def generated(root: Path, number: int) -> list[Source]:
    """A project of modules that import one another in a circle."""
    package = root / "shop"
    package.mkdir()
    (root / "setup.cfg").touch()
    (package / "__init__.py").touch()
    (package / "bus.py").write_text(
        "import nats\n\n\nasync def open_bus(url):\n    return await nats.connect(url)\n"
    )
    (package / "door.py").write_text(
        "from shop.bus import open_bus\n\n\n"
        "async def open_door(url):\n    bus = await open_bus(url)\n"
        "    return bus, bus.jetstream()\n"
    )
    for index in range(number):
        near, far = (index + 1) % number, (index + 7) % number
        text = (
            f"import json\n\nfrom shop import mod{far}\nfrom shop.mod{near} import Order{near}_0\n"
        )
        text += "from shop.door import open_door\n" if index % 2 else ""
        text += "".join(_ORDER.format(name=f"{index}_{part}") for part in range(12))
        text += (
            f"\n\ndef pair():\n    return mod{far}.Order{far}_0('x', 1), Order{near}_0('y', 2)\n"
        )
        text += _WORK if index % 2 else ""
        (package / f"mod{index}.py").write_text(text)
    return sources([root], number)


_ORDER = """

class Order{name}:
    def __init__(self, name: str, amount: int) -> None:
        self.name = name
        self.amount = amount

    def total(self, tax: float) -> float:
        if self.amount < 0:
            raise ValueError(self.name)
        return self.amount * (1 + tax)

    async def load(self, store) -> None:
        data = await store.get(self.name)
        for key, value in json.loads(data).items():
            setattr(self, key, value)
"""
_WORK = """

async def work(url):
    bus, js = await open_door(url)
    try:
        await js.publish("a", b"")
    finally:
        await bus.close()
"""


def beside(files: list[Source], figures: Figures) -> None:
    """Other linters' shares on the same files."""
    lines = sum(len(source[1]) for source in files)
    ours: list[float] = []
    bugbear: list[float] = []
    has_bugbear = importlib.util.find_spec("bugbear") is not None
    for _ in range(ROUNDS):
        ours.append(cpu(lambda: [plugin(source) for source in files]))
        if has_bugbear:
            bugbear.append(cpu(lambda: [_bugbear(source) for source in files]))
    found = {"flake8-naq": statistics.median(ours)}
    if bugbear:
        found["flake8-bugbear"] = statistics.median(bugbear)
    names = [source[0] for source in files]
    if importlib.util.find_spec("pylint") is not None:
        pylint = [sys.executable, "-m", "pylint", "--disable=all", "--enable=R1732", "--score=n"]
        found["pylint R1732, its parse included"] = _process([*pylint, *names])
    if ruff := shutil.which("ruff"):
        command = [ruff, "check", "--no-cache", "--isolated", "--select=SIM115", "--quiet"]
        found["ruff SIM115, its parse included"] = _process([*command, *names])
    figures.chart(
        f"1,000 lines of the {len(files)} files with NATS in this repository",
        "ms",
        {name: taken / lines * 1000 for name, taken in found.items()},
    )


def _bugbear(source: Source) -> list[object]:
    from bugbear import BugBearChecker

    filename, lines, tree = source
    return list(BugBearChecker(tree=tree, filename=filename, lines=lines).run())


def _process(command: list[str]) -> float:
    taken = []
    for _ in range(PROCESS_ROUNDS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, capture_output=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(taken) * 1000


if __name__ == "__main__":
    sys.exit(main())
