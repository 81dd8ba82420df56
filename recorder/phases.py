"""A phase of the migration: its folder and its parts."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PHASES = ROOT / "docs" / "phases"


@dataclass(frozen=True)
class Phase:
    """One phase of the migration: a folder under ``docs/phases`` with a ``phase.toml``.

    Args:
        name: the folder's name.
        title: its heading.
        tier: ``high``, ``medium`` or ``low``.
        order: its place among the phases.
        modules: dotted names, below ``before/``, of the modules that the phase migrates.
        successors: dotted names of the modules that they became, one for each.
        by_hand: places of the successors, ``module:Class.method``, that show the change made by
            hand where the codemod had left a site.
        connections: how many the scenario's calls cannot do without.
    """

    name: str
    title: str
    tier: str
    order: int
    modules: tuple[str, ...]
    successors: tuple[str, ...]
    by_hand: tuple[str, ...] = ()
    connections: int = 1

    @property
    def folder(self) -> Path:
        """Where the phase lies."""
        return PHASES / self.name

    @property
    def before(self) -> Path:
        """The modules before the migration, written after the plan's code blocks."""
        return self.folder / "before"

    @property
    def fixed(self) -> Path:
        """The codemod's output for them, never edited."""
        return self.folder / "fixed"

    @property
    def scenario(self) -> Path:
        """The calls that hold before, fixed and now together."""
        return self.folder / "scenario.py"

    @property
    def record(self) -> Path:
        """Everything measured, as JSON."""
        return self.folder / "record.json"

    def successor(self, module: str) -> str:
        """The dotted name of what a module of ``before/`` became."""
        return self.successors[self.modules.index(module)]

    @property
    def successor_paths(self) -> list[Path]:
        """The modules that the phase became, relative to the repository's root."""
        places = [Path("src", *name.split(".")) for name in self.successors]
        return [place if (ROOT / place).is_dir() else place.with_suffix(".py") for place in places]

    def diff(self, safety: str) -> Path:
        """The codemod's diff, by the safety of the fixes (``safe`` or ``unsafe``)."""
        return self.folder / f"{safety}.diff"

    @property
    def places_by_hand(self) -> list[tuple[str, str]]:
        """Module and dotted name of each place that was changed by hand."""
        return [(module, name) for module, _, name in (one.partition(":") for one in self.by_hand)]

    def files(self, folder: Path, modules: Sequence[str] = ()) -> Iterator[Path]:
        """The phase's modules, or some of them, as files below ``folder``."""
        for module in modules or self.modules:
            yield (folder / module.replace(".", "/")).with_suffix(".py")


def load(name: str) -> Phase:
    """Read one phase.

    Raises:
        FileNotFoundError: there is no such phase.
    """
    with (PHASES / name / "phase.toml").open("rb") as file:
        document = tomllib.load(file)
    return Phase(
        name=name,
        title=document["title"],
        tier=document["tier"],
        order=document["order"],
        modules=tuple(document["modules"]),
        successors=tuple(document["successors"]),
        by_hand=tuple(document.get("by_hand", ())),
        connections=document.get("connections", 1),
    )


def all_phases() -> list[Phase]:
    """Every phase, in the order of the migration."""
    found = [load(file.parent.name) for file in PHASES.glob("*/phase.toml")]
    return sorted(found, key=lambda phase: phase.order)
