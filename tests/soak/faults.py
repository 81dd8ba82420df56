"""The faults: which process is killed, and when, all drawn from the seed."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

from processes import Pool
from servers import Cluster

KINDS = ("server", "leader", "outage", "worker", "scheduler")


@dataclass(frozen=True)
class Fault:
    """One kill.

    Args:
        kind: of ``KINDS``.
        at: seconds since the epoch.
        until: when the servers answered again; equal to ``at`` for a worker or a scheduler.
    """

    kind: str
    at: float
    until: float

    @property
    def hits_servers(self) -> bool:
        return self.kind in ("server", "leader", "outage")


@dataclass(frozen=True)
class Planned:
    """One kill to come: after which pause, for how long a server stays down, which victim."""

    kind: str
    pause: float
    down: float
    victim: int


def plan(seed: int, every: float) -> Iterator[Planned]:
    """Yield kills for ever: each round has one of each kind, in a random order."""
    draw = random.Random(f"{seed} faults")
    while True:
        for kind in draw.sample(KINDS, len(KINDS)):
            yield Planned(
                kind, every * draw.uniform(0.5, 1.5), draw.uniform(0.3, 2.5), draw.randrange(1000)
            )


class Faults:
    """Kills what the plan names.

    Args:
        cluster: the servers.
        workers: the workers that may be killed.
        schedulers: the schedulers; empty where the queue has none.
    """

    def __init__(self, cluster: Cluster, workers: Pool, schedulers: Pool) -> None:
        self.done: list[Fault] = []
        self._cluster = cluster
        self._workers = workers
        self._schedulers = schedulers

    async def inflict(self, planned: Iterator[Planned], until: float) -> None:
        """Kill until a moment of the monotonic clock, and at least once of each kind."""
        for number, each in enumerate(planned):
            if number >= len(KINDS) and time.monotonic() + each.pause >= until:
                return
            await asyncio.sleep(each.pause)
            if each.kind == "scheduler" and not self._schedulers.size:
                continue
            at = time.time()
            await self._kill(each)
            self.done.append(Fault(each.kind, at, time.time()))

    async def _kill(self, planned: Planned) -> None:
        if planned.kind == "worker":
            await self._workers.kill(planned.victim)
            return
        if planned.kind == "scheduler":
            await self._schedulers.kill(planned.victim)
            return
        if planned.kind == "server":
            victims = [planned.victim % len(self._cluster.servers)]
        elif planned.kind == "leader":
            victims = [await self._cluster.leader()]
        else:
            victims = list(range(len(self._cluster.servers)))
        await self._cluster.kill(victims, planned.down)
