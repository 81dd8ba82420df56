"""A worker's knowledge of the jobs that wait for others, so that it can let them go."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Final

import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import APIError

from naq import buckets
from naq.buckets import watching
from naq.exceptions import NaqError, SerializationError, told
from naq.models.job import Job
from naq.queue.waiting import release_if_ready

logger = logging.getLogger("naq.worker")

SWEEP: Final = 5.0
"""Seconds between two looks at all that waits: a watch may tell late, and workers may die."""


class Dependents:
    """Follows the bucket of waiting jobs.

    Args:
        conn: the connection.
        js: its JetStream context.
    """

    def __init__(self, conn: Client, js: JetStreamContext) -> None:
        self._conn = conn
        self._js = js
        self._jobs: dict[str, Job] = {}
        self._children: dict[str, set[str]] = {}
        self._is_told = False
        self.known = asyncio.Event()

    async def succeeded(self, job_id: str) -> None:
        """Let go the jobs that have waited for this one alone."""
        for child in list(self._children.get(job_id, ())):
            await self._release(self._jobs[child])

    async def follow(self) -> None:
        """Follow the bucket, until cancelled."""
        kv = await self._js.key_value(buckets.WAITING_JOBS)
        sweep = asyncio.create_task(self._sweep())
        try:
            async with watching(kv) as watcher:
                async for entry in watcher:
                    if entry is None:  # all that waited before is known
                        self.known.set()
                        continue
                    self._forget(entry.key)
                    if entry.operation is None and entry.value:
                        with suppress(SerializationError):
                            self._learn(Job.deserialize(entry.value))
        finally:
            sweep.cancel()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP)
            for job in list(self._jobs.values()):
                await self._release(job)

    async def _release(self, job: Job) -> None:
        try:
            await release_if_ready(self._conn, self._js, job)
            self._is_told = False
        except (nats.errors.Error, APIError, NaqError, TimeoutError) as error:
            # Once: an outage meets every job that waits, at each sweep.
            level = logging.DEBUG if self._is_told else logging.WARNING
            self._is_told = True
            logger.log(level, "%s waits longer than it has to: %s", job, told(error))

    def _learn(self, job: Job) -> None:
        self._jobs[job.job_id] = job
        for parent in job.depends_on:
            self._children.setdefault(parent, set()).add(job.job_id)

    def _forget(self, job_id: str) -> None:
        job = self._jobs.pop(job_id, None)
        for parent in job.depends_on if job else ():
            children = self._children[parent]
            children.discard(job_id)
            if not children:
                del self._children[parent]
