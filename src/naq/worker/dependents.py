"""The jobs that wait for others, as a worker knows them: it settles each when a parent ends."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import APIError

from naq.buckets import watching
from naq.config import Config
from naq.exceptions import NaqError, SerializationError, describe_error
from naq.jobs.lookup import stored_outcomes
from naq.models.job import Job
from naq.queue import waiting

logger = logging.getLogger("naq.worker")

SWEEP: Final = 2.0
"""Seconds between two looks at some of what waits: a watch may be late, and workers may die."""

SWEEP_BATCH: Final = 100
"""Parents whose outcome is looked up in one sweep, all in one request."""

SWEEP_SEARCHES: Final = 5
"""Parents without an outcome that one sweep searches for: each takes a few requests."""

AT_ONCE: Final = 50
"""Waiting jobs that are settled at the same time."""

MANY: Final = 16
"""Parents from which on a waiting job is settled for several of them at a time."""

PAUSE: Final = 0.25
"""Seconds until such a job is settled, unless the last of its parents ends before."""


@dataclass(slots=True)
class _Waiting:
    """A job that waits.

    Args:
        parents: those that have not ended, as far as the bucket knows.
        since: seconds since the epoch.
        ended: those of them that have ended since, and whether they have succeeded.
    """

    parents: frozenset[str]
    since: float
    ended: dict[str, bool] = field(default_factory=dict)

    def take_succeeded(self) -> set[str]:
        """Forget what has ended, and return what of it has succeeded."""
        ended, self.ended = self.ended, {}
        return {parent for parent, succeeded in ended.items() if succeeded}


class Dependents:
    """Follows the bucket of waiting jobs.

    Args:
        config: the configuration.
        conn: the connection.
        js: its JetStream context.
    """

    def __init__(self, config: Config, conn: Client, js: JetStreamContext) -> None:
        self._config = config
        self._conn = conn
        self._js = js
        self._jobs: dict[str, _Waiting] = {}
        self._children: dict[str, set[str]] = {}
        self._to_look_up: deque[str] = deque()
        self._to_search: deque[str] = deque()
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._is_logged = False
        self._later: set[asyncio.Task[None]] = set()
        self._watch: asyncio.Task[None] | None = None
        self.known = asyncio.Event()

    def ended(self, job_id: str, *, succeeded: bool) -> Awaitable[None] | None:
        """Return what settles the jobs that wait for one that has ended; None if none does."""
        children = self._children.get(job_id)
        if children is None:
            return None
        knowledge = {}
        for child in children:
            ended = self._note_end(self._jobs[child], child, job_id, succeeded)
            if ended is not None:
                knowledge[child] = {"succeeded": ended}
        return self._settle_each(knowledge) if knowledge else None

    def _note_end(
        self, waiting: _Waiting, child: str, parent: str, succeeded: bool
    ) -> set[str] | None:
        """Return the parents that have succeeded; None where the job is settled later."""
        is_first = not waiting.ended
        waiting.ended[parent] = succeeded
        if len(waiting.parents) < MANY or len(waiting.ended) == len(waiting.parents):
            return waiting.take_succeeded()
        if is_first:
            later = asyncio.create_task(self._settle_later(child))
            self._later.add(later)
            later.add_done_callback(self._later.discard)
        return None

    async def _settle_later(self, child: str) -> None:
        await asyncio.sleep(PAUSE)
        if waiting := self._jobs.get(child):
            await self._settle([child], succeeded=waiting.take_succeeded())

    async def follow(self) -> None:
        """Follow the bucket, until cancelled."""
        sweep = asyncio.create_task(self._sweep())
        try:
            while True:
                self._watch = asyncio.create_task(self._watch_bucket())
                await asyncio.wait([self._watch])
                if not self._watch.cancelled():
                    self._watch.result()  # which raises: a watch has no end
        finally:
            for task in (sweep, *self._later):
                task.cancel()
            if self._watch is not None:
                self._watch.cancel()

    def start_over(self) -> None:
        """Forget everything and watch the bucket from its beginning: it is a new one."""
        if self._watch is not None:
            self._jobs.clear()
            self._children.clear()
            self._watch.cancel()

    async def _watch_bucket(self) -> None:
        kv = await self._js.key_value(self._config.names.waiting_jobs)
        async with watching(kv) as watcher:
            async for entry in watcher:
                if entry is None:  # all that waited before is known
                    self.known.set()
                    continue
                before = self._forget(entry.key)
                if entry.operation is None and entry.value:
                    with suppress(SerializationError):
                        self._learn(Job.deserialize(entry.value), before)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP)
            try:
                await self._look_up_some()
                await self._search_some()
            except (nats.errors.Error, APIError, NaqError, TimeoutError) as error:
                self._log("waiting jobs", error)

    async def _look_up_some(self) -> None:
        """Settle the jobs whose parents ended unnoticed."""
        parents = self._next(self._to_look_up, SWEEP_BATCH)
        if not parents:
            return
        names = self._config.names
        outcomes = await stored_outcomes(self._conn, self._js, names, parents)
        for parent in outcomes:
            await self._settle(self._children.get(parent, ()))

    async def _search_some(self) -> None:
        """Settle the jobs whose parents will never end."""
        for parent in self._next(self._to_search, SWEEP_SEARCHES):
            children = self._children.get(parent, set())
            in_a_circle = children & set(self._ancestors(parent))
            await self._settle(in_a_circle, lost=parent, reason=waiting.IN_A_CIRCLE)
            now = time.time()
            patient = {
                child
                for child in children - in_a_circle
                if child in self._jobs and now - self._jobs[child].since > waiting.GONE_AFTER
            }
            if patient and await waiting.find_lost_parent(self._js, self._config.names, parent):
                await self._settle(patient, lost=parent)

    def _next(self, round_: deque[str], count: int) -> list[str]:
        """Return the next parents of a round over all of them, which begins again at its end."""
        if not round_:
            round_.extend(self._children)
        return [round_.popleft() for _ in range(min(count, len(round_)))]

    def _ancestors(self, job_id: str) -> Iterable[str]:
        """Return what a job waits for, directly and over other waiting jobs."""
        found: dict[str, None] = {}
        ahead = [job_id]
        while ahead:
            known = self._jobs.get(ahead.pop())
            new = [each for each in (known.parents if known else ()) if each not in found]
            found.update(dict.fromkeys(new))
            ahead.extend(new)
        return found

    async def _settle(self, children: Iterable[str], **knowledge: Any) -> None:
        """Settle waiting jobs: a snapshot of them, since each that goes is forgotten meanwhile."""
        await self._settle_each(dict.fromkeys(children, knowledge))

    async def _settle_each(self, knowledge: dict[str, dict[str, Any]]) -> None:
        """Settle waiting jobs, and those that wait for the ones that this ends."""
        while knowledge:
            children = {child: set(self._children.get(child, ())) for child in knowledge}
            ended = await asyncio.gather(*(self._settle_one(*each) for each in knowledge.items()))
            over = [child for child, is_over in zip(knowledge, ended, strict=True) if is_over]
            knowledge = {child: {} for each in over for child in children[each]}

    async def _settle_one(self, job_id: str, knowledge: dict[str, Any]) -> bool:
        try:
            async with self._at_once:
                is_over = await waiting.settle_waiting(
                    self._conn, self._js, self._config, job_id, **knowledge
                )
        except (nats.errors.Error, APIError, NaqError, TimeoutError) as error:
            self._log(f"job {job_id}", error)
            return False
        self._is_logged = False
        return is_over

    def _log(self, what: str, error: Exception) -> None:
        # Once: an outage meets every job that waits, at each sweep.
        level = logging.DEBUG if self._is_logged else logging.WARNING
        self._is_logged = True
        logger.log(level, "%s waits longer than it has to: %s", what, describe_error(error))

    def _learn(self, job: Job, before: _Waiting | None) -> None:
        known = self._jobs[job.job_id] = _Waiting(frozenset(job.waits_for), job.created_at)
        for parent in known.parents:
            self._children.setdefault(parent, set()).add(job.job_id)
        if before is not None:
            known.ended = {
                each: well for each, well in before.ended.items() if each in known.parents
            }

    def _forget(self, job_id: str) -> _Waiting | None:
        known = self._jobs.pop(job_id, None)
        for parent in known.parents if known else ():
            children = self._children[parent]
            children.discard(job_id)
            if not children:
                del self._children[parent]
        return known
