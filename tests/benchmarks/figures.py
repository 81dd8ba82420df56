"""The results of a benchmark: printed as text, or with ``--json`` for the site's page."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Goal:
    """What a figure is to be.

    Args:
        name: what is measured.
        value: the figure.
        limit: where the goal ends.
        sense: ``at most`` or ``at least``.
    """

    name: str
    value: float
    limit: float
    sense: str = "at most"

    @property
    def met(self) -> bool:
        """Whether it is reached."""
        return self.value <= self.limit if self.sense == "at most" else self.value >= self.limit


@dataclass
class Figures:
    """Charts and goals, as they come.

    Args:
        charts: each with ``title``, ``unit`` and ``rows``, and a row with ``name`` and ``value``.
        goals: what of these is a goal.
    """

    charts: list[dict[str, Any]] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)

    def chart(self, title: str, unit: str, values: dict[str, float]) -> None:
        """Add figures of one unit, to be drawn beside each other."""
        rows = [{"name": name, "value": value} for name, value in values.items()]
        self.charts.append({"title": title, "unit": unit, "rows": rows})

    def goal(self, name: str, value: float, limit: float, sense: str = "at most") -> None:
        """Add a goal."""
        self.goals.append(Goal(name, value, limit, sense))

    def report(self) -> int:
        """Print the results; return the exit code, 1 when a goal is missed."""
        if "--json" in sys.argv:
            goals = [asdict(goal) for goal in self.goals]
            print(json.dumps({"charts": self.charts, "goals": goals}, ensure_ascii=False))
        else:
            print("\n".join(self._lines()))
        return int(not all(goal.met for goal in self.goals))

    def _lines(self) -> list[str]:
        lines = []
        for chart in self.charts:
            lines += ["", f"{chart['title']}, {chart['unit']}"]
            lines += [f"  {row['name']:<32}{row['value']:>12,.3f}" for row in chart["rows"]]
        lines.append("")
        lines += [
            f"{'ok' if goal.met else 'MISSED':<7} {goal.name}: {goal.value:.3f},"
            f" {goal.sense} {goal.limit:g}"
            for goal in self.goals
        ]
        return lines
