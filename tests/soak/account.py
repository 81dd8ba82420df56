"""The account: compares the promises to the enqueuing clients with the outcomes.

A job is promised once its enqueue returned. In the end it is

- as promised: it has the outcome that its kind has to have;
- wrong: it has another one, say a failure where its function returns;
- stuck: it has none, and is still on the servers when the time to settle is over;
- lost: it has none, and is nowhere.

A repeat is a run that begins although an earlier one has not raised. At-least-once delivery
permits it where the worker died, or servers were down, between the begin of the earlier run and
``GRACE`` seconds after its end. A job is doubled if it ran twice to its end without such a reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from faults import Fault
from ledger import Run
from processes import Exit

GRACE = 2.0
"""Seconds that a worker may take to have an outcome stored and acknowledged."""


@dataclass(frozen=True)
class Outcome:
    """How a job ends.

    Args:
        ends: ``result``, ``failure``, ``cancelled``, ``set aside``, or ``run``, for a queue that
            is asked for no results.
        value: the result, or the name of the error's class.
    """

    ends: str
    value: Any = None


@dataclass
class Verdict:
    """What became of the jobs of one kind, or of all."""

    promised: int = 0
    lost: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    repeated: int = 0
    doubled: list[str] = field(default_factory=list)

    def add(self, other: Verdict) -> None:
        """Add the jobs of another verdict."""
        self.promised += other.promised
        self.lost += other.lost
        self.stuck += other.stuck
        self.wrong += other.wrong
        self.repeated += other.repeated
        self.doubled += other.doubled

    @property
    def kept(self) -> bool:
        """Whether the promise was kept to everybody."""
        return not (self.lost or self.stuck or self.wrong)


class Account:
    """Promises by the ids of their jobs, and what was found of each."""

    def __init__(self) -> None:
        self.promised: dict[str, tuple[str, Outcome]] = {}
        self.found: dict[str, Outcome] = {}
        self.refusals: Counter[str] = Counter()

    def promise(self, job_id: str, kind: str, outcome: Outcome) -> None:
        """Note that an enqueue has returned."""
        self.promised[job_id] = kind, outcome

    def missing(self) -> list[str]:
        """Return the ids of the jobs of which no outcome is known."""
        return [job_id for job_id in self.promised if job_id not in self.found]

    def judge(
        self,
        on_servers: Collection[str],
        runs: Mapping[str, Sequence[Run]],
        faults: Iterable[Fault] = (),
        exits: Iterable[Exit] = (),
    ) -> dict[str, Verdict]:
        """Return what became of the jobs, by kind.

        Args:
            on_servers: ids of the jobs that are still there, queued or waiting.
            runs: the ledger.
            faults: the kills.
            exits: the workers' ends.
        """
        permits = _Permits(faults, exits)
        verdicts: dict[str, Verdict] = {}
        for job_id, (kind, expected) in self.promised.items():
            verdict = verdicts.setdefault(kind, Verdict())
            verdict.promised += 1
            found = self.found.get(job_id)
            if found is None:
                (verdict.stuck if job_id in on_servers else verdict.lost).append(job_id)
            elif found != expected:
                verdict.wrong.append(f"{job_id}: {found.ends} {str(found.value)[:200]}")
            for before, again in _repeats(runs.get(job_id, ())):
                verdict.repeated += 1
                if again.ended is not None and not again.raised and not permits.repeat_of(before):
                    verdict.doubled.append(f"{job_id} at {again.began:.3f}")
        return verdicts


def total(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the sum of verdicts."""
    whole = Verdict()
    for verdict in verdicts:
        whole.add(verdict)
    return whole


def _repeats(runs: Sequence[Run]) -> list[tuple[Run, Run]]:
    """Return the runs that are no retry, each after the one before it."""
    return [(before, again) for before, again in pairwise(runs) if not before.raised]


class _Permits:
    """Decides which repeats at-least-once delivery permits."""

    def __init__(self, faults: Iterable[Fault], exits: Iterable[Exit]) -> None:
        self._outages = [(fault.at, fault.until) for fault in faults if fault.hits_servers]
        self._died = {each.pid: each.at for each in exits}

    def repeat_of(self, run: Run) -> bool:
        if run.ended is None:
            return True  # its process died
        died = self._died.get(run.pid)
        last = run.ended + GRACE
        return (died is not None and died <= last) or any(
            at <= last and until >= run.began for at, until in self._outages
        )
