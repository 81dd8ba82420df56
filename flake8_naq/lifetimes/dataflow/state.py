"""The abstract state of one connection: the lattice element that the dataflow propagates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from flake8_naq.lifetimes.cfg.graph import BOX, CONNECTION, HANDLE, HANDLES, Defer, Place
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
        facts: The nullness of other places.
        line: The line at which the path left the straight way, 0 on it.
        unsure: The places that hold it on some of the paths only.
        deferred: Uses that have not run yet.
    """

    holders: dict[Place, str]
    facts: Facts
    line: int = 0
    unsure: frozenset[Place] = frozenset()
    deferred: frozenset[Defer] = frozenset()

    def left_at(self, line: int) -> State:
        """The same, on paths that leave the straight way at a line."""
        return State(self.holders, self.facts, line, self.unsure, self.deferred)

    def suspended(self) -> State:
        """The same after a suspension, during which the tasks have run."""
        if not self.deferred:
            return self
        deferred = frozenset(defer for defer in self.deferred if defer.how == "returned")
        return State(self.holders, self.facts, self.line, self.unsure, deferred)

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
        joined = State(holders, facts, line, unsure, self.deferred | other.deferred)
        return None if joined == self else joined
