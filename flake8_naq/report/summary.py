"""Texts and rows for both the terminal table and the Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from flake8_naq.report.connections import (
    CATEGORIES,
    CLOSINGS,
    TIERS,
    Connection,
    Inventory,
    closings,
)
from flake8_naq.rules import all_rules

SUMMARY_HEAD = ("priority", "by hand", *CLOSINGS.values())


@dataclass(frozen=True, slots=True)
class Row:
    """The texts about one connection."""

    path: str
    line: str
    function: str
    shape: str
    category: str
    closed: str
    operations: str
    handles_errors: str
    findings: str

    @classmethod
    def of(cls, one: Connection) -> Self:
        """The row of a connection."""
        names = {rule.number: rule.name for rule in all_rules()}
        return cls(
            one.path,
            str(one.line),
            one.function or "(module)",
            f"{one.shape} {names[one.shape]}" if one.shape else "owned elsewhere",
            one.category,
            CLOSINGS[one.closing],
            str(one.operations),
            "yes" if one.handles_errors else "",
            " ".join(one.codes),
        )


def summary(inventory: Inventory) -> list[tuple[str, ...]]:
    """A row a tier, and one of all."""
    rows = [_row(TIERS[tier], found) for tier, found in inventory.by_tier()]
    return [*rows, _row("all", inventory.connections)] if len(rows) > 1 else rows


def _row(name: str, found: list[Connection]) -> tuple[str, ...]:
    by_hand = sum(1 for one in found if one.shape)
    return (name, str(by_hand), *(str(count or "") for count in closings(found).values()))


def headline(inventory: Inventory, files: int) -> str:
    """One sentence: the connections left to migrate and those already managed."""
    by_hand = len(inventory.by_hand)
    elsewhere = len(inventory.connections) - by_hand
    total = by_hand + inventory.managed
    done = f" ({inventory.managed / total:.0%} of {total})" if total else ""
    parts = [
        f"{counted(by_hand, 'connection')} managed by hand",
        f"{inventory.managed} in a context manager{done}",
        f"{elsewhere} owned elsewhere",
    ]
    if inventory.silenced:
        parts.append(f"{inventory.silenced} silenced by noqa or configuration")
    return f"{counted(files, 'file')}: {', '.join(parts)}."


def legend() -> str:
    """The meaning of the categories."""
    return "; ".join(f"{letter} {words}" for letter, words in CATEGORIES.items())


def title(tier: int, found: list[Connection]) -> str:
    """The heading of a tier."""
    return f"{TIERS[tier].title()} priority: {counted(len(found), 'connection')}"


def counted(number: int, noun: str) -> str:
    """A number of things, with the noun in the right number."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def caller(one: Connection) -> str:
    """The callers of a function that opens a connection, and how each closes it."""
    function = one.function or "the module"
    closing = "owned elsewhere" if one.closing == "elsewhere" else f"closed {CLOSINGS[one.closing]}"
    return f"{one.path}:{one.line} {function}: {closing}"
