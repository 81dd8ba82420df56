"""The inventory's data: every connection that a code base opens, and its closing habit."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from flake8_naq.findings import Finding
from flake8_naq.flake8_config import Flake8
from flake8_naq.lifetimes import Closing, Site
from flake8_naq.modules import Module
from flake8_naq.patterns import pattern_of
from flake8_naq.report.inspection import Inspected
from flake8_naq.tiers import HIGH, LOW, MEDIUM, tier_of

TIERS = {HIGH: "high", MEDIUM: "medium", LOW: "low"}
CLOSINGS: dict[Closing, str] = {
    "finally": "in finally",
    "straight": "straight path only",
    "some": "on some paths",
    "never": "never",
    "elsewhere": "elsewhere",
}
Category = Literal["A", "B", "C", "D"]
CATEGORIES: dict[Category, str] = {
    "A": "simple: connect, one operation, close",
    "B": "JetStream: derive it, one operation",
    "C": "key-value: derive JetStream, bind a bucket, operate on it",
    "D": "complex: several operations on one connection",
}


@dataclass(frozen=True, slots=True)
class Connection:
    """One place that opens a connection outside of a context manager.

    Attributes:
        path: The file's path as given.
        line: Line of the acquiring call, counted from 1.
        column: Its column, counted from 1.
        function: Dotted name of the enclosing function or class, empty at module level.
        tier: 1 high, 2 medium, 3 low.
        shape: Number of the rule 01 to 05 that it falls under, None when another place owns it.
        category: How much the connection does.
        closing: The closing habit.
        operations: How often the connection, or a handle derived from it, is used.
        handles_errors: Whether an ``except`` clause covers the connection or a use of it.
        findings: Every finding about this connection, the shape's own included.
        factory: Dotted name of the project's own function that opens it, empty for any other.
    """

    path: str
    line: int
    column: int
    function: str
    tier: int
    shape: str | None
    category: Category
    closing: Closing
    operations: int
    handles_errors: bool
    findings: tuple[Finding, ...]
    factory: str = ""

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the findings."""
        return tuple(finding.code for finding in self.findings)


@dataclass
class Inventory:
    """Every connection of a code base.

    Attributes:
        connections: Those outside of a context manager, the most urgent first.
        managed: How many stand in a context manager already.
        silenced: How many are managed by hand and silenced, by ``noqa`` or the configuration.
    """

    connections: list[Connection] = field(default_factory=list)
    managed: int = 0
    silenced: int = 0

    def add(self, inspected: Inspected, flake8: Flake8) -> None:
        """Add the linter's findings about one module."""
        settings = flake8.settings
        path = inspected.module.path
        for site in inspected.analysis.sites:
            if site.managed:
                self.managed += 1
                continue
            shape = pattern_of(site)
            findings = [found for found in inspected.reported if found.site is site]
            tier = tier_of(path, site.qualname, settings)
            if shape and not any(found.rule == shape for found in findings):
                self.silenced += 1
                continue
            if not shape and not _wanted(inspected.module, site, tier, flake8):
                continue
            line = inspected.module.lines[site.call.lineno - 1]
            self.connections.append(
                Connection(
                    path,
                    site.call.lineno,
                    len(line.encode()[: site.call.col_offset].decode(errors="replace")) + 1,
                    site.qualname,
                    tier,
                    shape,
                    _category(site, shape),
                    site.closing,
                    len(site.uses),
                    _handles_errors(site),
                    tuple(findings),
                    site.factory,
                )
            )

    def sort(self) -> None:
        """Put the most urgent first: by tier, then by place."""
        self.connections.sort(key=lambda one: (one.tier, one.path, one.line, one.column))

    def by_tier(self) -> Iterator[tuple[int, list[Connection]]]:
        """The tiers in which there are connections, the most urgent first."""
        for tier in TIERS:
            if found := [one for one in self.connections if one.tier == tier]:
                yield tier, found

    @property
    def factories(self) -> dict[str, list[Connection]]:
        """The project's own functions that open a connection, each with its callers."""
        found: dict[str, list[Connection]] = defaultdict(list)
        for one in self.connections:
            if one.factory:
                found[one.factory].append(one)
        return dict(sorted(found.items()))

    @property
    def by_hand(self) -> list[Connection]:
        """The connections that are managed by hand."""
        return [one for one in self.connections if one.shape]


def closings(connections: Iterable[Connection]) -> dict[Closing, int]:
    """How often each closing habit occurs, in the order of `CLOSINGS`."""
    counts = Counter(one.closing for one in connections)
    return {closing: counts[closing] for closing in CLOSINGS}


def shapes(connections: Iterable[Connection]) -> dict[str, int]:
    """How often each shape occurs, by the number of its rule."""
    return dict(sorted(Counter(one.shape for one in connections if one.shape).items()))


def _wanted(module: Module, site: Site, tier: int, flake8: Flake8) -> bool:
    """Whether flake8 would report a finding at a place whose connection another place owns."""
    place = Finding(site.call.lineno, site.call.col_offset, "01", tier, "")
    return bool(flake8.reported(module.path, module.lines, [place]))


def _category(site: Site, shape: str | None) -> Category:
    """The category for planning a migration; a connection used only for a bucket is C."""
    if shape == "03":
        return "C"
    if shape in ("04", "05") or len(site.uses) > 1:
        return "D"
    return "B" if any(derived.kind == "jetstream" for derived in site.derived) else "A"


def _handles_errors(site: Site) -> bool:
    nodes: set[ast.AST] = {site.statement, *site.uses}
    return any(
        isinstance(node, ast.Try | ast.TryStar)
        and node.handlers
        and any(inner in nodes for part in node.body for inner in ast.walk(part))
        for node in ast.walk(site.scope)
    )
