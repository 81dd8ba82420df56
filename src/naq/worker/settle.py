"""Stores outcomes and acknowledges jobs, in an order that loses no job.

The result is stored first; once the server has acknowledged it, the job is acknowledged. After a crash
in between the server redelivers the job, and the stored result shows that it need not run again. Nothing here
waits for one job's acknowledgement before it deals with the next.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final, Protocol

import nats.errors
from nats.aio.client import Client
from nats.js.api import Header

from naq.exceptions import JobCancelledError, ResultError, describe_error
from naq.models.event import Event
from naq.models.failed import FailedJob
from naq.models.finished import CANCELLED, COMPLETED, FAILED, finished
from naq.models.job import Job
from naq.models.outcome import JobFailure, Outcome
from naq.models.record import JobRecord
from naq.models.retry import is_one_of
from naq.models.status import JOB_STATUS
from naq.names import Names, kv_subject
from naq.pipeline import PublishPipeline
from naq.plural import counted
from naq.worker.delivery import Delivery
from naq.worker.isolate import IsolatedJobError
from naq.worker.logs import about
from naq.worker.metrics import AttemptEnd, Meter

logger = logging.getLogger("naq.worker")

MAX_UNSENT_EVENTS: Final = 10_000
"""Events that are kept through an outage; of more, the newest."""

_HEADERS: Final = 64
"""Bytes of an outcome's headers, at most: a time to live."""

STORE_AGAIN_AFTER = 5.0
"""Seconds after which a job comes back whose result the server refused to store."""

RECORD_TIMEOUT = 5.0
"""Seconds for which a job waits until its count of attempts is safe."""

TOGETHER = 0.003
"""Seconds in which results, events and acknowledgements come together."""


class Ended(Protocol):
    """Takes the end of a job."""

    def __call__(self, job_id: str, *, succeeded: bool) -> Awaitable[None] | None:
        """Return what the end of a job asks to be done, if anything."""


class Settler:
    """Stores outcomes and acknowledges jobs, for one worker on one connection.

    Runners call ``complete``, ``fail`` or ``cancel`` when an attempt ends. ``acknowledge`` is the
    loop that sends what these leave to be sent; the session runs it as a task.

    Args:
        names: the names of the application.
        conn: the connection.
        pipeline: publishes on it.
        worker: the worker's id.
        done: called with each job that is no longer in hand.
        ended: called with the id of each job whose end is stored, and whether it succeeded; what
            it returns is awaited.
        meter: notes how attempts end.
        events: whether to publish events.
        results_may_expire: whether the bucket of results takes a time to live with each of them.
    """

    def __init__(
        self,
        names: Names,
        conn: Client,
        pipeline: PublishPipeline,
        worker: str,
        done: Callable[[Delivery], None],
        ended: Ended,
        *,
        meter: Meter,
        events: bool = True,
        results_may_expire: bool = False,
    ) -> None:
        self.results_may_expire = results_may_expire
        self._names = names
        self._conn = conn
        self._pipeline = pipeline
        self._worker = worker
        self._worker_name = worker.encode()
        self._done = done
        self._ended = ended
        self._meter = meter
        self._events = events
        self._stored: deque[tuple[Delivery, bool]] = deque()
        self._unsent: deque[Event] = deque(maxlen=MAX_UNSENT_EVENTS)
        self._unstored: deque[tuple[Delivery, bytes, bool, Event | None]] = deque()
        self._wake = asyncio.Event()
        self.returned = 0

    async def complete(self, delivery: Delivery, outcome: Outcome) -> None:
        """Store a success, and acknowledge the job once it is stored.

        Raises:
            SerializationError: the result cannot be written.
            ResultError: it is larger than the server takes.
        """
        job = delivery.job
        event = None
        if job.keep_result:
            serialized = outcome.serialize()
            data = self._finished(delivery, serialized, COMPLETED)
            self._check_size(data, serialized)
            event = self._event_of("job.completed", delivery)
            self._store(delivery, data, event, succeeded=True)
        else:
            self._stored.append((delivery, True))
            self.event("job.completed", delivery)
            self._wake.set()
        self._meter.ended(delivery, AttemptEnd.COMPLETED)
        if delivery.recorded:
            await self.record(delivery, JobRecord(status=JOB_STATUS.COMPLETED))

    @property
    def _room(self) -> int:
        return self._conn.max_payload - _HEADERS

    def _check_size(self, data: bytes, outcome: bytes) -> None:
        if len(data) > self._room:
            raise ResultError(
                f"the result has {len(outcome)} bytes, and what is stored beside it "
                f"{len(data) - len(outcome) + _HEADERS}; the server takes "
                f"{self._conn.max_payload} in one message (max_payload): store it elsewhere, in an "
                "object store say, and return a reference"
            )

    def _finished(self, delivery: Delivery, outcome: bytes, status: bytes) -> bytes:
        """Return what is stored of a job that has ended."""
        ended = time.time_ns()
        started = 0
        if delivery.started_at:
            started = ended - int((time.monotonic() - delivery.started_at) * 1e9)
        return finished(
            outcome,
            delivery.job,
            status,
            ended=ended,
            attempts=delivery.attempt,
            enqueued=delivery.enqueued_at,
            started=started,
            worker=self._worker_name,
            room=self._room,
        )

    def _headers(self, job: Job) -> dict[str, str] | None:
        """Return the headers of a job's outcome."""
        if job.result_ttl is not None and self.results_may_expire:
            return {Header.MSG_TTL.value: str(job.result_ttl)}
        return None

    async def fail(self, delivery: Delivery, error: BaseException, *, final: bool = False) -> None:
        """Retry a failed job, or keep it among the failed jobs.

        Args:
            delivery: the job.
            error: what its attempt raised.
            final: whether not to retry it, regardless of its settings.
        """
        job, attempt = delivery.job, delivery.attempt
        if not final and attempt <= job.retries and is_worth_a_retry(job, error):
            await self._retry(delivery, error)
            return
        failure = replace(
            failure_of(error, attempt, self._worker),
            enqueued_at=delivery.enqueued_at / 1e9,
            started_at=time.time() - (time.monotonic() - delivery.started_at)
            if delivery.started_at
            else 0.0,
        )
        logger.warning(
            "%s failed after %s: %s",
            job,
            counted(attempt, "attempt"),
            failure,
            extra=about(job, attempt),
        )
        try:
            kept = await self._pipeline.publish(
                kv_subject(self._names.failed_jobs, job.job_id),
                FailedJob(job, failure).serialize(self._conn.max_payload),
            )
            await kept
        except nats.errors.MaxPayloadError:
            logger.error(
                "%s leaves no room for its failure: only its result holds the failure", job
            )
        except nats.errors.ConnectionClosedError:
            raise
        except Exception:
            logger.exception("%s failed, but the server refuses to keep it", job)
            await self.give_back_unharmed(delivery, STORE_AGAIN_AFTER)
            return
        event = self._event_of("job.failed", delivery, error=str(failure), attempts=attempt)
        self._store_failure(delivery, failure, event, FAILED)
        self._meter.ended(delivery, AttemptEnd.FAILED)
        if delivery.recorded or delivery.delivered > 1:
            await self.record(delivery, JobRecord(status=JOB_STATUS.FAILED, failures=attempt))

    async def cancel(self, delivery: Delivery) -> None:
        """Store that a job was broken off because somebody has asked for it."""
        failure = failure_of(
            JobCancelledError("cancelled while it ran"), delivery.attempt, self._worker
        )
        event = self._event_of("job.cancelled", delivery)
        self._store_failure(delivery, failure, event, CANCELLED)
        self._meter.ended(delivery, AttemptEnd.CANCELLED)
        before = delivery.attempt - 1
        await self.record(delivery, JobRecord(status=JOB_STATUS.CANCELLED, failures=before))

    async def _retry(self, delivery: Delivery, error: BaseException) -> None:
        job, attempt = delivery.job, delivery.attempt
        self._meter.ended(delivery, AttemptEnd.RETRIED)
        try:
            delay = max(float(job.retry(attempt)), 0.0)
        except Exception:
            logger.exception("%s: its retry strategy failed; it is retried at once", job)
            delay = 0.0
        record = replace(
            delivery.record,
            status=JOB_STATUS.RETRYING,
            failures=attempt,
            returns=delivery.record.returns + delivery.again,
        )
        # The count must be safe before the job goes back, or a crash would grant it one more try.
        with suppress(Exception):
            await asyncio.wait_for(await self.record(delivery, record), RECORD_TIMEOUT)
        await self.give_back(delivery, delay=delay)
        failure = failure_of(error, attempt, self._worker)
        logger.info(
            "%s failed, attempt %d; again in %.3g s: %s",
            job,
            attempt,
            delay,
            failure,
            extra=about(job, attempt),
        )
        self.event("job.retrying", delivery, error=str(failure), attempt=attempt, delay=delay)

    async def give_back(self, delivery: Delivery, delay: float = 0.0) -> None:
        """Hand a job back to the server, for any worker to take after a delay in seconds."""
        with suppress(nats.errors.Error):  # without a connection it comes back by itself
            await delivery.msg.nak(delay)
        self._done(delivery)

    async def give_back_unharmed(self, delivery: Delivery, delay: float = 0.0) -> None:
        """Hand a job back, and write down that no worker has died of it."""
        record = replace(
            delivery.record,
            status=JOB_STATUS.QUEUED,
            returns=delivery.record.returns + delivery.again + 1,
        )
        with suppress(Exception):
            await asyncio.wait_for(await self.record(delivery, record), RECORD_TIMEOUT)
        await self.give_back(delivery, delay)

    async def charge(self, delivery: Delivery, cause: str) -> None:
        """Write down that a worker ends because of a job that it runs."""
        crashes = delivery.record.crashes + 1
        record = replace(delivery.record, status=JOB_STATUS.QUEUED, crashes=crashes, cause=cause)
        with suppress(Exception):  # the count is worth a wait, and no more
            await asyncio.wait_for(await self.record(delivery, record), RECORD_TIMEOUT)

    async def return_unfinished(self, delivery: Delivery) -> None:
        """Give back a job whose attempt the stopping worker has broken off."""
        self._meter.ended(delivery, AttemptEnd.RETURNED)
        await self.give_back_unharmed(delivery)
        self.returned += 1
        self.event("job.returned", delivery)

    async def record_start(self, delivery: Delivery) -> asyncio.Future[bool]:
        """Write down that a job runs; for one that runs alone, that its worker may die of it."""
        delivery.recorded = True
        crashes = delivery.record.crashes + delivery.suspect
        return await self.record(
            delivery, replace(delivery.record, status=JOB_STATUS.RUNNING, crashes=crashes)
        )

    def already_done(self, delivery: Delivery, *, succeeded: bool) -> None:
        """Acknowledge a job whose result was stored before."""
        self._stored.append((delivery, succeeded))
        self._wake.set()

    async def record(self, delivery: Delivery, record: JobRecord) -> asyncio.Future[bool]:
        """Write down a job's status; return the future of its acknowledgement."""
        record = replace(
            record,
            created=delivery.job.created_at,
            worker=self._worker,
            updated_at=time.time(),
            queue=delivery.job.queue,
        )
        future = await self._pipeline.publish(
            kv_subject(self._names.job_status, delivery.job.job_id), record.serialize()
        )
        future.add_done_callback(log_refusal)
        return future

    def event(self, kind: str, delivery: Delivery, **more: Any) -> None:
        """Have an event of a job published."""
        if event := self._event_of(kind, delivery, **more):
            self._unsent.append(event)
            self._wake.set()

    def _event_of(self, kind: str, delivery: Delivery, **more: Any) -> Event | None:
        if not self._events:
            return None
        job = delivery.job
        data = {
            "job_id": job.job_id,
            "queue": job.queue,
            "function": job.function_name,
            "worker": self._worker,
            **more,
        }
        if delivery.started_at:
            data["duration"] = round(time.monotonic() - delivery.started_at, 6)
        return Event(kind, data)

    def worker_event(self, kind: str, data: dict[str, Any]) -> None:
        """Have an event of the worker published."""
        if self._events:
            self._unsent.append(Event(kind, {"worker": self._worker, **data}))

    def go_on(self) -> None:
        """Send what has been kept through an outage."""
        self._wake.set()

    def _store_failure(
        self, delivery: Delivery, failure: JobFailure, event: Event | None, status: bytes
    ) -> None:
        def stored(failure: JobFailure) -> bytes:
            return self._finished(delivery, Outcome(failure=failure).serialize(), status)

        fitting = failure.fitting(lambda each: len(stored(each)), self._room)
        self._store(delivery, stored(fitting), event, succeeded=False)

    def _store(
        self, delivery: Delivery, data: bytes, event: Event | None, *, succeeded: bool
    ) -> None:
        """Have an outcome stored, and an event of it published once it is."""
        self._unstored.append((delivery, data, succeeded, event))
        self._wake.set()

    def _when_stored(
        self,
        delivery: Delivery,
        succeeded: bool,
        event: Event | None,
        error: Exception | None,
    ) -> None:
        """Take the server's answer for an outcome: acknowledge the job, or have it come back."""
        if error is not None:
            logger.error("%s: its result is not stored: %s", delivery.job, describe_error(error))
            delivery.refused = True
        elif event is not None:
            self._unsent.append(event)
        self._stored.append((delivery, succeeded))
        self._wake.set()

    async def acknowledge(self) -> None:
        """Send results, events and acknowledgements as they come up, until cancelled.

        The first goes out at once; what comes up in the few milliseconds after it goes out
        together, which spares both sides several wake-ups a job.
        """
        loop = asyncio.get_running_loop()
        flushed_at = 0.0
        while True:
            await self._wake.wait()
            wait = flushed_at + TOGETHER - loop.time()
            if wait > 0:
                await asyncio.sleep(wait)
            self._wake.clear()
            flushed_at = loop.time()
            await self.flush()

    async def flush(self) -> None:
        """Send the results, events and acknowledgements that are due."""
        while self._unstored:
            delivery, data, succeeded, event = self._unstored.popleft()
            await self._pipeline.send(
                kv_subject(self._names.job_results, delivery.job.job_id),
                data,
                self._headers(delivery.job),
                functools.partial(self._when_stored, delivery, succeeded, event),
            )
        await self._send_events()
        while self._stored:
            delivery, succeeded = self._stored.popleft()
            if delivery.refused:
                await self.give_back_unharmed(delivery, STORE_AGAIN_AFTER)
                continue
            follow_up = self._ended(delivery.job.job_id, succeeded=succeeded)
            if follow_up is not None:
                await follow_up
            with suppress(nats.errors.Error):  # it comes back, and its result is found
                await delivery.msg.ack()
            self._done(delivery)

    async def _send_events(self) -> None:
        while self._unsent:
            event = self._unsent.popleft()
            try:
                await self._conn.publish(self._names.event_subject(event.type), event.serialize())
            except nats.errors.OutboundBufferLimitError:
                # There is no connection: it waits for one.
                if len(self._unsent) < MAX_UNSENT_EVENTS:
                    self._unsent.appendleft(event)
                return
            except nats.errors.Error as error:  # an event is worth less than a job
                logger.debug("the event %s is not published: %s", event.type, describe_error(error))


def is_worth_a_retry(job: Job, error: BaseException) -> bool:
    """Whether the job's settings ask for a retry after this exception."""
    if isinstance(error, IsolatedJobError):
        named = set(error.lineage)
        return not named.intersection(job.ignore_on) and (
            not job.retry_on or bool(named.intersection(job.retry_on))
        )
    if is_one_of(error, job.ignore_on):
        return False
    return not job.retry_on or is_one_of(error, job.retry_on)


def failure_of(error: BaseException, attempts: int, worker: str) -> JobFailure:
    """Return the description of an exception."""
    if isinstance(error, IsolatedJobError):
        own = error.failure
        return JobFailure(own.error_type, own.message, own.traceback, attempts, worker, time.time())
    return JobFailure.of(error, attempts=attempts, worker=worker, failed_at=time.time())


def log_refusal(future: asyncio.Future[bool]) -> None:
    """Log a refused status or progress: no job depends on it."""
    if not future.cancelled() and (error := future.exception()):
        logger.warning("a status is not stored: %s", describe_error(error))
