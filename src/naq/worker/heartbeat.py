"""Heartbeats: of the jobs in hand, so the server does not redeliver them, and of the worker."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from contextlib import suppress
from typing import Final

import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import APIError

from naq.models.event import Event
from naq.models.status import WORKER_STATUS
from naq.names import kv_subject
from naq.pipeline import PublishPipeline
from naq.worker.dependents import Dependents
from naq.worker.guard import LoopGuard
from naq.worker.in_hand import InHand
from naq.worker.intake import Intake
from naq.worker.places import Places
from naq.worker.runners import Runners
from naq.worker.settings import Counters, WorkerSettings
from naq.worker.settle import Settler, log_refusal
from naq.worker.status import WorkerStatusManager

logger = logging.getLogger("naq.worker")

TICK: Final = 0.2
"""Seconds between two looks at everything in hand."""

STATUS_PERIOD: Final = 5.0
"""Seconds between two signs of life in ``worker_status``."""

FLUSH_TIMEOUT: Final = 5


class Heartbeat:
    """Looks after what a worker holds, several times a second.

    Args:
        settings: the worker's settings.
        counters: the worker's counters, for its last event.
        conn: the connection.
        js: its JetStream context.
        pipeline: publishes on the connection.
        in_hand: the jobs in hand.
        intake: takes jobs in.
        runners: run them.
        settler: settles them.
        dependents: know the jobs that wait for others.
        places: the streams and buckets.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        counters: Counters,
        conn: Client,
        js: JetStreamContext,
        pipeline: PublishPipeline,
        in_hand: InHand,
        intake: Intake,
        runners: Runners,
        settler: Settler,
        dependents: Dependents,
        places: Places,
    ) -> None:
        self._settings = settings
        self._counters = counters
        self._names = settings.config.names
        self._conn = conn
        self._js = js
        self._pipeline = pipeline
        self._in_hand = in_hand
        self._intake = intake
        self._runners = runners
        self._settler = settler
        self._dependents = dependents
        self._places = places
        self._reconnects = conn.stats["reconnects"]
        self._details = settings.describe()
        self._status: WORKER_STATUS | None = None
        self._status_at = 0.0

    async def beat(self, guard: LoopGuard) -> None:
        """Look after everything, again and again, until cancelled.

        Args:
            guard: is wound up by each turn.

        Raises:
            nats.errors.Error: the connection is closed.
        """
        while True:
            await asyncio.sleep(TICK)
            guard.wind_up()
            self._intake.adapt_prefetch()
            try:
                await self._look_after()
            except (nats.errors.Error, APIError, TimeoutError) as error:
                if self._conn.is_closed:
                    raise
                logger.debug("the server does not answer: %r", error)

    async def announce(self) -> None:
        """Enter the worker into the list of workers."""
        await self._put_details()
        await self._put_status()
        self._settler.worker_event("worker.started", self._details)
        queues = ", ".join(self._settings.queues)
        logger.info("worker %s takes jobs from %s", self._settings.worker_id, queues)

    async def sign_off(self) -> None:
        """Take the worker off the list of workers."""
        worker_id = self._settings.worker_id
        counts = {"completed": self._counters.completed, "failed": self._counters.failed}
        with suppress(nats.errors.Error, APIError, TimeoutError):
            await self._put_progress()
            await WorkerStatusManager(self._settings.config).remove_worker(worker_id)
            await self._settler.flush()
            await self._conn.flush(FLUSH_TIMEOUT)
            if self._settings.events:
                # When the last event is acknowledged, those before it are stored, too.
                last = Event("worker.stopped", {"worker": worker_id, **counts})
                await self._js.publish(self._names.event_subject(last.type), last.serialize())

    async def _look_after(self) -> None:
        reconnects = self._conn.stats["reconnects"]
        reconnected = reconnects != self._reconnects
        if reconnected:
            await self._intake.learn_where_doubt_ends()
        await self._renew_jobs()
        self._runners.leave_overdue_jobs()
        await self._record_starts()
        await self._put_progress()
        if self._intake.lost_a_consumer or self._is_status_due():
            await self._mend_places()
        await self._intake.look_after(reconnected=reconnected)
        if reconnected:
            self._settler.go_on()
        self._reconnects = reconnects
        if self._status is not self._current() or self._is_status_due():
            await self._put_status()

    async def _renew_jobs(self) -> None:
        """Tell the server, well before its patience ends, that jobs are in good hands."""
        now = time.monotonic()
        for delivery in list(self._in_hand.deliveries.values()):
            if now - delivery.renewed_at > self._settings.ack_wait / 3:
                delivery.renewed_at = now
                await delivery.msg.in_progress()

    async def _record_starts(self) -> None:
        now = time.monotonic()
        for delivery in list(self._in_hand.running):
            if delivery.over or delivery.announced or not delivery.started_at:
                continue
            if now - delivery.started_at > TICK:
                delivery.announced = True
                if not delivery.recorded:
                    await self._settler.record_start(delivery)
                self._settler.event("job.started", delivery)

    async def _mend_places(self) -> None:
        if await self._places.mend():
            self._settler.results_may_expire = await self._places.results_may_expire()
            self._dependents.start_over()
            await self._put_details()
            await self._put_status()

    def _current(self) -> WORKER_STATUS:
        return WORKER_STATUS.BUSY if self._in_hand.running else WORKER_STATUS.IDLE

    def _is_status_due(self) -> bool:
        return time.monotonic() - self._status_at > STATUS_PERIOD

    async def put_stopping(self) -> None:
        """Show in the list of workers that this one stops."""
        await self._put_status(WORKER_STATUS.STOPPING)

    async def _put_status(self, status: WORKER_STATUS | None = None) -> None:
        self._status, self._status_at = status or self._current(), time.monotonic()
        worker_id = self._settings.worker_id
        await self._put(self._names.worker_status, worker_id, self._status.value.encode())

    async def _put_details(self) -> None:
        data = json.dumps(self._details).encode()
        await self._put(self._names.worker_details, self._settings.worker_id, data)

    async def _put_progress(self) -> None:
        while self._runners.progress:
            job_id, data = self._runners.progress.popitem()
            await self._put(self._names.job_progress, job_id, data)

    async def _put(self, bucket: str, key: str, value: bytes) -> None:
        """Store what is good to know, and no reason to stop for when the server refuses it."""
        future = await self._pipeline.publish(kv_subject(bucket, key), value)
        future.add_done_callback(log_refusal)
