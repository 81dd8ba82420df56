"""The values of places that need no dataflow: each holds until the place is bound again."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from flake8_naq.lifetimes.cfg.graph import Place
from flake8_naq.lifetimes.facts import Derived, Site


@dataclass(eq=False, slots=True)
class Values:
    """The known values of the places of a scope.

    Attributes:
        parts: The places of the elements of a tuple or list.
        fresh: Places that hold a connection just opened: awaiting them raises before that.
        acquired: The connection that a temporary was made for.
        derivations: The handle that a temporary was made for.
        tasks: Places that hold the task which opens a connection.
        coroutines: Names of acquiring calls that wait to be awaited: ``opening = nats.connect()``.
        closers: Names of a connection's closing method: ``close = nc.close``.
        managed_clients: The clients that a `with` closes.
    """

    parts: dict[Place, list[Place | None]] = field(default_factory=dict)
    fresh: set[Place] = field(default_factory=set)
    acquired: dict[Place, Site] = field(default_factory=dict)
    derivations: dict[Place, Derived] = field(default_factory=dict)
    tasks: set[Place] = field(default_factory=set)
    coroutines: dict[Place, ast.expr] = field(default_factory=dict)
    closers: dict[Place, Place] = field(default_factory=dict)
    managed_clients: set[Place] = field(default_factory=set)

    def forget(self, place: Place) -> None:
        """Drop the value of a place that is bound again."""
        self.parts.pop(place, None)
        self.tasks.discard(place)
        self.coroutines.pop(place, None)
        self.closers.pop(place, None)

    def alias(self, place: Place, source: Place) -> None:
        """Let `place` stand for a temporary.

        The first name that a new connection or handle is bound to is its name.
        """
        if not source.startswith("%"):
            return
        site, derived = self.acquired.get(source), self.derivations.get(source)
        if source in self.tasks:
            self.tasks.add(place)
        if place.startswith("%") or source in self.tasks:
            if site is not None:
                self.acquired[place] = site
            if derived is not None:
                self.derivations[place] = derived
            return
        if site is not None and site.handle is None:
            site.handle = place
        if derived is not None and derived.name is None:
            derived.name = place

    def any_fresh(self, places: list[Place | None]) -> bool:
        """Whether one of these places holds a connection just opened."""
        return any(place in self.fresh for place in places if place is not None)
