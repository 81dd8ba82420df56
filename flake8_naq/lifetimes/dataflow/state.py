"""The abstract state of one connection: the lattice element that the dataflow propagates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from flake8_naq.lifetimes.cfg.graph import BOX, CONNECTION, HANDLE, HANDLES, Place
from flake8_naq.lifetimes.dataflow.nullness import Facts, joined_facts

Status = Literal["open", "escaped", "closed"]
# How the path came here: straight, through a `return`, an exception or a cancellation.
Way = Literal["straight", "returned", "raised", "cancelled"]
Key: TypeAlias = tuple[Status, Way]
STRENGTH = {HANDLES: 0, HANDLE: 1, BOX: 2, CONNECTION: 3}


@dataclass(slots=True)
class State:
    """One connection at one point, on the paths of one key.

    Attributes:
        holders: The places that hold it, and as what.
        facts: What is known of other places.
        line: The line at which the path left the straight way, 0 on it.
        unsure: The places that hold it on some of the paths only.
    """

    holders: dict[Place, str]
    facts: Facts
    line: int = 0
    unsure: frozenset[Place] = frozenset()

    def left_at(self, line: int) -> State:
        """The same, on paths that leave the straight way at a line."""
        return State(self.holders, self.facts, line, self.unsure)

    def joined(self, other: State) -> State | None:
        """Both, or None when `other` adds nothing."""
        holders, facts = self.holders, self.facts
        unsure = self.unsure | other.unsure
        if other.holders != holders:
            unsure |= holders.keys() ^ other.holders.keys()
            holders = dict(holders)
            for place, kind in other.holders.items():
                if place not in holders or STRENGTH[kind] > STRENGTH[holders[place]]:
                    holders[place] = kind
        if other.facts != facts:
            facts = joined_facts(facts, other.facts)
        line = min(self.line, other.line)
        joined = State(holders, facts, line, unsure)
        return None if joined == self else joined
