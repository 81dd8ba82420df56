"""A worker's work on one connection."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any, Final

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.errors import APIError, KeyNotFoundError

from naq import buckets
from naq.exceptions import JobCrashedError, SerializationError, told
from naq.models.event import Event
from naq.models.job import JOB_STATUS, Job
from naq.models.record import JobRecord
from naq.models.status import WORKER_STATUS
from naq.names import CANCEL_SUBJECTS, JOB_STREAM, cancel_subject, kv_subject
from naq.pipeline import PublishPipeline
from naq.queue.lookup import stored_outcomes
from naq.streams import ensure_consumer, ensure_stream, event_stream, job_stream
from naq.words import counted
from naq.worker.context import JobContext
from naq.worker.delivery import Delivery, position
from naq.worker.dependents import Dependents
from naq.worker.execute import Executor, overdue
from naq.worker.guard import LoopGuard
from naq.worker.pull import Puller
from naq.worker.settle import Settler, look_away
from naq.worker.status import WorkerStatusManager

if TYPE_CHECKING:
    from naq.worker.core import Worker

logger = logging.getLogger("naq.worker")

TICK: Final = 0.2
"""Seconds between two looks at everything in hand."""

MAX_PREFETCH: Final = 256
MAX_IN_HAND: Final = 2000

PREFETCH_TIME: Final = 0.05
"""Seconds of work that wait in the worker, so that it never stands still."""

LOOKUP_BATCH: Final = 200

CRASHES: Final = 3
"""How many workers may die of a job before it counts as failed."""

FLUSH_TIMEOUT: Final = 5

BREAK_OFF_TIMEOUT: Final = 10
"""Seconds that a job has to end in when it is broken off, before its worker leaves it behind."""

HEARTBEAT: Final = 5.0
"""Seconds between two signs of life in ``worker_status``."""


class Session:
    """What a worker does on one connection, from the first pull to the last acknowledgement.

    Args:
        worker: the worker.
        conn: the connection.
        js: its JetStream context.
        executor: runs the jobs.
    """

    def __init__(
        self, worker: Worker, conn: Client, js: JetStreamContext, executor: Executor
    ) -> None:
        self._worker = worker
        self._conn = conn
        self._js = js
        self._executor = executor
        self._in_hand: dict[int, Delivery] = {}
        self._nothing_in_hand = asyncio.Event()
        self._ready: asyncio.Queue[Delivery] = asyncio.Queue()
        self._doubtful: deque[Delivery] = deque()
        self._doubts = asyncio.Event()
        self._doubt_until: float = float("inf")
        self._progress: dict[str, bytes] = {}
        self._running: dict[Delivery, asyncio.Task[None]] = {}
        self._runners: list[asyncio.Task[None]] = []
        self._runner_failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._mean = PREFETCH_TIME
        self._prefetch = 0 if worker.prefetch is None else worker.prefetch
        self._reconnects = self._conn.stats["reconnects"]
        self._pullers: dict[str, Puller] = {}
        self._said: WORKER_STATUS | None = None
        self._said_at = 0.0
        self._details = worker.details()
        self._told_details = json.dumps(self._details).encode()
        self.has_begun = False

    async def run(self) -> None:
        """Work until the worker is told to stop.

        Raises:
            nats.errors.Error: the connection is gone for good.
        """
        await self._prepare()
        worker = self._worker
        async with AsyncExitStack() as stack:
            self._pipeline = await stack.enter_async_context(PublishPipeline(self._conn))
            dependents = Dependents(self._conn, self._js)
            self._settler = Settler(
                self._conn,
                self._pipeline,
                worker.worker_id,
                self._release,
                dependents.succeeded,
                events=worker.events,
                results_may_expire=await self._results_may_expire(),
            )
            self._guard = stack.enter_context(LoopGuard(worker.block_limit))
            # Not of the group, which would wait for ever for a job that refuses to end.
            stack.push_async_callback(self._break_off)
            for _ in range(worker.concurrency):
                self._start_runner(self._work())
            async with asyncio.TaskGroup() as group:
                helpers = [
                    group.create_task(coroutine)
                    for coroutine in (
                        self._settler.acknowledge(),
                        dependents.follow(),
                        self._resolve_doubts(),
                        self._tick(),
                        self._raise_what_a_runner_raises(),
                    )
                ]
                await dependents.known.wait()
                async with AsyncExitStack() as pulling:
                    for queue in worker.queues:
                        name = await ensure_consumer(self._js, queue, worker.ack_wait)
                        puller = Puller(self._conn, JOB_STREAM, name, self._deliver, self._room)
                        self._pullers[queue] = await pulling.enter_async_context(puller)
                    await self._conn.subscribe(f"{CANCEL_SUBJECTS}.*", cb=self._cancel)
                    await self._learn_where_doubt_ends()
                    await self._announce()
                    self.has_begun = True
                    await self._until_told_to_stop()
                await self._say_status(WORKER_STATUS.STOPPING)
                await self._wind_down()
                for task in helpers:
                    task.cancel()
            await self._sign_off()

    async def _prepare(self) -> None:
        await ensure_stream(self._js, job_stream(self._worker.config.replicas))
        if self._worker.events:
            await ensure_stream(self._js, event_stream(self._worker.config.replicas))
        await buckets.ensure_buckets(self._worker.config)

    async def _results_may_expire(self) -> bool:
        # A server older than 2.11 knows nothing of it; one that does refuses a message with a time
        # to live where the bucket, made by another, does not allow it.
        info = await self._js.stream_info(f"KV_{buckets.JOB_RESULTS}")
        return bool(info.config.allow_msg_ttl)

    # Taking jobs

    def _room(self) -> int:
        if len(self._in_hand) >= MAX_IN_HAND:
            return 0
        waiting = self._ready.qsize() + len(self._doubtful)
        return self._worker.concurrency - len(self._running) + self._prefetch - waiting

    def _adapt_prefetch(self) -> None:
        if self._worker.prefetch is None:
            as_many = int(self._worker.concurrency * PREFETCH_TIME / self._mean)
            self._prefetch = min(as_many, MAX_PREFETCH)

    def _deliver(self, msg: Msg) -> None:
        sequence, delivered = position(msg)
        held = self._in_hand.get(sequence)
        if held is not None:
            held.msg = msg  # delivered again while it is in hand: the newer handle counts
            return
        try:
            job = Job.deserialize(msg.data)
        except SerializationError as error:
            logger.error("%s is thrown away: %s", msg.subject, error)
            self._settler.throw_away(msg)
            return
        delivery = Delivery(msg, job, sequence, delivered)
        self._in_hand[sequence] = delivery
        if delivered > 1 or sequence <= self._doubt_until:
            self._doubtful.append(delivery)
            self._doubts.set()
        else:
            self._ready.put_nowait(delivery)

    def _release(self, delivery: Delivery) -> None:
        self._in_hand.pop(delivery.sequence, None)
        if not self._in_hand:
            self._nothing_in_hand.set()

    async def _learn_where_doubt_ends(self) -> None:
        """Ask which jobs were there before this connection was.

        A server that was killed may have forgotten that it handed a job out, or that the job was
        acknowledged. Whatever is older than the connection is looked up before it is run.
        """
        info = await self._js.stream_info(JOB_STREAM)
        self._doubt_until = info.state.last_seq

    async def _resolve_doubts(self) -> None:
        while True:
            await self._doubts.wait()
            self._doubts.clear()
            while self._doubtful:
                batch = [
                    self._doubtful.popleft() for _ in range(min(LOOKUP_BATCH, len(self._doubtful)))
                ]
                try:
                    await self._look_up(batch)
                except (nats.errors.Error, TimeoutError, APIError) as error:
                    logger.warning("cannot look up results: %s", told(error))
                    self._doubtful.extendleft(reversed(batch))
                    await asyncio.sleep(1)

    async def _look_up(self, batch: list[Delivery]) -> None:
        ids = [delivery.job.job_id for delivery in batch if delivery.job.keep_result]
        stored = await stored_outcomes(self._conn, self._js, ids) if ids else {}
        done = {d: s for d in batch if (s := stored.get(d.job.job_id)) and s.is_of(d.job)}
        again = [d for d in batch if d.delivered > 1 and d not in done]
        await asyncio.gather(*(self._read_record(delivery) for delivery in again))
        for delivery in batch:
            if delivery in done:
                self._settler.already_done(delivery, succeeded=done[delivery].succeeded)
            else:
                self._ready.put_nowait(delivery)

    async def _read_record(self, delivery: Delivery) -> None:
        kv = await self._js.key_value(buckets.JOB_STATUS)
        with suppress(KeyNotFoundError, SerializationError):
            entry = await kv.get(delivery.job.job_id)
            delivery.record = JobRecord.deserialize(entry.value)

    # Running jobs

    def _start_runner(self, work: Coroutine[Any, Any, None]) -> None:
        runner = asyncio.create_task(work)
        runner.add_done_callback(self._runner_has_ended)
        self._runners.append(runner)

    def _runner_has_ended(self, runner: asyncio.Task[None]) -> None:
        error = None if runner.cancelled() else runner.exception()
        if error is not None and not self._runner_failed.done():
            self._runner_failed.set_exception(error)

    async def _raise_what_a_runner_raises(self) -> None:
        await self._runner_failed

    async def _work(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        while True:
            delivery = await self._ready.get()
            self._running[delivery] = task
            try:
                await self._run(delivery, task)
            finally:
                self._running.pop(delivery, None)
            for puller in list(self._pullers.values()):
                await puller.ask()

    async def _run(self, delivery: Delivery, task: asyncio.Task[None]) -> None:
        if delivery.delivered > 1 and not await self._may_start_again(delivery):
            return
        job = delivery.job
        delivery.started_at = began = time.monotonic()
        if job.timeout is not None:
            delivery.leave_at = began + job.timeout + BREAK_OFF_TIMEOUT
        context = JobContext(
            job,
            delivery.attempt,
            self._worker.worker_id,
            lambda data: self._progress.__setitem__(job.job_id, data),
        )
        try:
            outcome = await self._executor.run(context)
            if delivery.left:
                raise asyncio.CancelledError
            delivery.over = True
            await self._settler.complete(delivery, outcome)
            self._worker.completed += 1
        except BaseException as error:
            if delivery.left:
                raise asyncio.CancelledError from error  # nobody waits for it any more
            delivery.over = True
            if isinstance(error, asyncio.CancelledError) and delivery.cancelled:
                await self._settler.cancel(delivery)
                return
            if isinstance(error, asyncio.CancelledError) and task.cancelling():
                # The worker breaks off; a job that cancels itself has nobody to ask for it.
                await self._settler.return_unfinished(delivery)
                raise
            self._worker.failed += 1
            await self._settler.fail(delivery, error)
        finally:
            if delivery.cancelled:
                task.uncancel()  # the job was meant, not the worker
            self._mean += 0.05 * (max(time.monotonic() - began, 1e-5) - self._mean)

    async def _cancel(self, msg: Msg) -> None:
        """Break off a running job, and tell who has asked for it that it is done."""
        for delivery, task in self._running.items():
            if msg.subject != cancel_subject(delivery.job.job_id):
                continue
            if delivery.started_at and not delivery.over:
                if not delivery.cancelled:
                    delivery.cancelled = True
                    delivery.leave_at = time.monotonic() + BREAK_OFF_TIMEOUT
                    task.cancel()
                await msg.respond(b"")
            return

    def _leave_behind(self, delivery: Delivery) -> None:
        """Go on without a job that does not end although it is cancelled, or its time is over."""
        logger.error("%s does not end although it is broken off: left behind", delivery.job)
        delivery.left = True
        stuck = self._running.pop(delivery)
        self._runners.remove(stuck)
        self._executor.leave(stuck)
        self._start_runner(self._work_after(delivery))

    async def _work_after(self, left: Delivery) -> None:
        """Take the place of a runner whose job was left behind."""
        if left.cancelled:
            await self._settler.cancel(left)
        else:
            self._worker.failed += 1
            await self._settler.fail(left, overdue(left.job))
        await self._work()

    async def _may_start_again(self, delivery: Delivery) -> bool:
        """Write down that a job begins that was begun before, unless it kills its workers."""
        before = delivery.record or JobRecord(status=JOB_STATUS.RUNNING)
        if before.crashes >= CRASHES:
            crashed = JobCrashedError(f"{before.crashes} workers died while they ran it")
            await self._settler.fail(delivery, crashed, final=True)
            return False
        await self._settler.record_start(delivery)
        return True

    # Looking after what is in hand

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            self._guard.wind_up()
            self._adapt_prefetch()
            try:
                await self._look_after()
            except (nats.errors.Error, APIError, TimeoutError) as error:
                if self._conn.is_closed:
                    raise
                logger.debug("the server does not answer: %r", error)

    async def _look_after(self) -> None:
        reconnects = self._conn.stats["reconnects"]
        if reconnects != self._reconnects:
            self._doubt_until = float("inf")
            await self._learn_where_doubt_ends()
        now = time.monotonic()
        for delivery in list(self._in_hand.values()):
            if now - delivery.renewed_at > self._worker.ack_wait / 3:
                delivery.renewed_at = now
                await delivery.msg.in_progress()
        for delivery in list(self._running):
            if now > delivery.leave_at and self._runners and not delivery.over:
                self._leave_behind(delivery)
                continue
            if not (delivery.over or delivery.recorded) and now - delivery.started_at > TICK:
                await self._settler.record_start(delivery, wait=False)
                self._settler.event("job.started", delivery)
        await self._send_progress()
        for queue, puller in list(self._pullers.items()):
            if puller.consumer_lost:
                await self._prepare()
                self._settler.results_may_expire = await self._results_may_expire()
                await self._tell_details()
                await self._say_status(self._status())
                await ensure_consumer(self._js, queue, self._worker.ack_wait)
            await puller.look_after(reconnected=reconnects != self._reconnects)
        if reconnects != self._reconnects:
            self._settler.go_on()
        self._reconnects = reconnects

        if now - self._said_at > HEARTBEAT or self._status() != self._said:
            await self._say_status(self._status())

    async def _send_progress(self) -> None:
        while self._progress:
            job_id, data = self._progress.popitem()
            await self._tell(buckets.JOB_PROGRESS, job_id, data)

    # Telling of itself

    def _status(self) -> WORKER_STATUS:
        return WORKER_STATUS.BUSY if self._running else WORKER_STATUS.IDLE

    async def _say_status(self, status: WORKER_STATUS) -> None:
        self._said, self._said_at = status, time.monotonic()
        await self._tell(buckets.WORKER_STATUS, self._worker.worker_id, status.value.encode())

    async def _tell(self, bucket: str, key: str, value: bytes) -> None:
        """Store what is good to know, and no reason to stop for when the server refuses it."""
        future = await self._pipeline.publish(kv_subject(bucket, key), value)
        future.add_done_callback(look_away)

    async def _announce(self) -> None:
        await self._tell_details()
        await self._say_status(self._status())
        self._settler.worker_event("worker.started", self._details)
        worker = self._worker
        logger.info("worker %s takes jobs from %s", worker.worker_id, ", ".join(worker.queues))

    async def _tell_details(self) -> None:
        await self._tell(buckets.WORKER_DETAILS, self._worker.worker_id, self._told_details)

    async def _sign_off(self) -> None:
        worker = self._worker
        counts = {"completed": worker.completed, "failed": worker.failed}
        with suppress(nats.errors.Error, APIError, TimeoutError):
            await self._send_progress()
            await WorkerStatusManager(worker.config).remove_worker(worker.worker_id)
            await self._settler.flush()
            await self._conn.flush(FLUSH_TIMEOUT)
            if worker.events:
                # When the last event is acknowledged, those before it are stored, too.
                last = Event("worker.stopped", {"worker": worker.worker_id, **counts})
                await self._js.publish(last.subject, last.serialize())

    # Stopping

    async def _until_told_to_stop(self) -> None:
        if not self._worker.burst:
            await self._worker.told_to_stop.wait()
            return
        while not self._worker.told_to_stop.is_set():
            await asyncio.sleep(TICK / 4)
            if not self._in_hand and not await self._anything_left():
                return

    async def _anything_left(self) -> bool:
        for puller in self._pullers.values():
            info = await self._js.consumer_info(JOB_STREAM, puller.consumer)
            if info.num_pending or info.num_ack_pending:
                return True
        return False

    async def _wind_down(self) -> None:
        while not self._ready.empty():
            await self._settler.give_back(self._ready.get_nowait())
        while self._doubtful:
            await self._settler.give_back(self._doubtful.popleft())
        if self._running:
            logger.info(
                "stopping: %s to finish, in %g s at most; a second signal does not wait",
                counted(len(self._running), "job"),
                self._worker.shutdown_timeout,
            )
        hurry = asyncio.ensure_future(self._worker.told_to_hurry.wait())
        deadline = time.monotonic() + self._worker.shutdown_timeout
        while self._running and time.monotonic() < deadline and not hurry.done():
            await asyncio.wait([hurry], timeout=0.02)
        hurry.cancel()
        if self._running:
            logger.info("giving back %s", counted(len(self._running), "job"))
        await self._break_off()
        if self._settler.returned:
            logger.info("gave back %s", counted(self._settler.returned, "job"))
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_TIMEOUT if self._in_hand else 0):
                self._nothing_in_hand.clear()
                await self._nothing_in_hand.wait()

    async def _break_off(self) -> None:
        """Cancel what still runs; a job that does not end for that is given back all the same."""
        if not self._runners:
            return
        runners, self._runners = self._runners, []
        for task in runners:
            task.cancel()
        _, left = await asyncio.wait(runners, timeout=BREAK_OFF_TIMEOUT)
        for delivery, task in list(self._running.items()):
            if task in left:
                logger.error("%s does not end although it is cancelled: left behind", delivery.job)
                delivery.left = True
                self._executor.leave(task)
                await self._settler.return_unfinished(delivery)
