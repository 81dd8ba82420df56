"""Running: the tasks of a worker that take one ready job after the other."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

from nats.aio.msg import Msg

from naq.exceptions import JobCrashedError, JobRefusedError
from naq.models.job import Job
from naq.worker.context import JobContext
from naq.worker.delivery import Delivery
from naq.worker.execute import Executor, overdue
from naq.worker.in_hand import InHand
from naq.worker.metrics import Meter
from naq.worker.settings import Counters, WorkerSettings
from naq.worker.settle import Settler

logger = logging.getLogger("naq.worker")

RECORD_TIMEOUT: Final = 5.0
"""Seconds for which a suspect waits until it is written down that it begins."""

BREAK_OFF_TIMEOUT: Final = 10
"""Seconds that a job has to end in when it is broken off, before its worker leaves it behind."""


class Runners:
    """As many tasks as a worker runs jobs at once.

    Args:
        settings: the worker's settings.
        counters: count the attempts.
        in_hand: gives the ready jobs, and knows which of them run.
        executor: makes the calls.
        settler: settles what comes of them.
        ask: awaited after each job; there is room for another one.
        parents: fetches the stored results of a job's parents.
        meter: notes which attempts run.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        counters: Counters,
        in_hand: InHand,
        executor: Executor,
        settler: Settler,
        ask: Callable[[], Awaitable[None]],
        parents: Callable[[Job], Awaitable[tuple[bytes | None, ...]]],
        meter: Meter,
    ) -> None:
        self._settings = settings
        self._counters = counters
        self._in_hand = in_hand
        self._executor = executor
        self._settler = settler
        self._ask = ask
        self._parents = parents
        self._meter = meter
        self._tasks: list[asyncio.Task[None]] = []
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.progress: dict[str, bytes] = {}

    def start(self) -> None:
        """Start the tasks."""
        for _ in range(self._settings.concurrency):
            self._start(self._work())
        self._start(self._work_alone())

    async def raise_first_error(self) -> None:
        """Wait for a task to fail and raise its error; a job's own errors are no such failure."""
        await self._failed

    async def cancel(self, msg: Msg) -> None:
        """Break off the running job that a request names, and answer the request."""
        names = self._settings.config.names
        for delivery, task in self._in_hand.running.items():
            if msg.subject != names.cancel_subject(delivery.job.job_id):
                continue
            if delivery.started_at and not delivery.over:
                if not delivery.cancelled:
                    delivery.cancelled = True
                    delivery.leave_at = time.monotonic() + BREAK_OFF_TIMEOUT
                    task.cancel()
                await msg.respond(b"")
            return

    def leave_overdue_jobs(self) -> None:
        """Go on without the jobs that were broken off and have not ended in their time."""
        now = time.monotonic()
        for delivery in list(self._in_hand.running):
            if now > delivery.leave_at and self._tasks and not delivery.over:
                self._leave(delivery)

    async def break_off(self) -> None:
        """Cancel what still runs; give back a job that does not end for that."""
        if not self._tasks:
            return
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        _, left = await asyncio.wait(tasks, timeout=BREAK_OFF_TIMEOUT)
        for delivery, task in list(self._in_hand.running.items()):
            if task in left:
                logger.error("%s does not end although it is cancelled: left behind", delivery.job)
                self._executor.leave(task)
                if not delivery.left:
                    delivery.left = True
                    await self._settler.return_unfinished(delivery)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        task.add_done_callback(self._note_end)
        self._tasks.append(task)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._failed.done():
            self._failed.set_exception(error)

    async def _work(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        ready, may_start = self._in_hand.ready, self._in_hand.open
        while True:
            delivery = await ready.get()
            if self._in_hand.closing:
                ready.put_nowait(delivery)
                return
            if may_start.is_set():
                await self._run(delivery, task)
                await self._ask()
            else:
                ready.put_nowait(delivery)
                await may_start.wait()

    async def _work_alone(self) -> None:
        """Run the suspects one at a time, and nothing beside them.

        A worker has died while it held these jobs, of one of them perhaps. Which one shows when
        it runs alone: the others keep their attempts.
        """
        task = asyncio.current_task()
        assert task is not None
        in_hand = self._in_hand
        while True:
            if in_hand.suspects:
                in_hand.open.clear()
                await in_hand.wait_until_nothing_runs()
            else:
                in_hand.open.set()
                await self._ask()
                in_hand.suspicion.clear()
                await in_hand.suspicion.wait()
                continue
            if in_hand.closing:
                return
            suspect = in_hand.suspects.popleft()
            if await self._may_run(suspect):
                await self._run(suspect, task)

    async def _may_run(self, suspect: Delivery) -> bool:
        """Whether a job may run once more; it fails if too many workers have died of it."""
        crashes = suspect.record.crashes
        if crashes < (suspect.job.max_crashes or self._settings.max_crashes):
            return True
        died = "1 worker" if crashes == 1 else f"{crashes} workers"
        cause = f": {suspect.record.cause}" if suspect.record.cause else ""
        error = JobCrashedError(f"{died} died while running it alone{cause}")
        self._counters.failed += 1
        await self._settler.fail(suspect, error, final=True)
        return False

    async def _record_suspect(self, delivery: Delivery) -> None:
        with suppress(Exception):  # the count is worth a wait, and no more
            recorded = await self._settler.record_start(delivery)
            await asyncio.wait_for(recorded, RECORD_TIMEOUT)

    async def _run(self, delivery: Delivery, task: asyncio.Task[None]) -> None:
        began = time.monotonic()
        self._in_hand.running[delivery] = task
        try:
            if delivery.suspect:
                await self._record_suspect(delivery)
            delivery.started_at = began = time.monotonic()
            self._meter.started(delivery)
            if delivery.job.timeout is not None:
                delivery.leave_at = began + delivery.job.timeout + BREAK_OFF_TIMEOUT
            job = delivery.job
            results = await self._parents(job) if job.pass_results else ()
            outcome = await self._executor.run(self._context(delivery), results)
            if delivery.left:
                raise asyncio.CancelledError
            delivery.over = True
            await self._settler.complete(delivery, outcome)
            self._counters.completed += 1
        except BaseException as error:
            if delivery.left:
                raise asyncio.CancelledError from error  # nobody waits for it any more
            delivery.over = True
            await self._settle_error(delivery, error, task)
        finally:
            if delivery.cancelled:
                task.uncancel()  # the job was meant, not the worker
            if not delivery.left:
                self._meter.forget(delivery)
            self._in_hand.end(delivery, time.monotonic() - began)

    async def _settle_error(
        self, delivery: Delivery, error: BaseException, task: asyncio.Task[None]
    ) -> None:
        if isinstance(error, asyncio.CancelledError):
            if delivery.cancelled:
                await self._settler.cancel(delivery)
                return
            if task.cancelling():
                # The worker breaks off; a job that cancels itself has nobody to ask for it.
                await self._settler.return_unfinished(delivery)
                raise error
        self._counters.failed += 1
        # A refused job must not be read, and its retry strategy would be.
        await self._settler.fail(delivery, error, final=isinstance(error, JobRefusedError))

    def _context(self, delivery: Delivery) -> JobContext:
        job_id, progress = delivery.job.job_id, self.progress
        return JobContext(
            delivery.job,
            delivery.attempt,
            self._settings.worker_id,
            lambda data: progress.__setitem__(job_id, data),
        )

    def _leave(self, delivery: Delivery) -> None:
        logger.error("%s does not end although it is broken off: left behind", delivery.job)
        delivery.left = True
        stuck = self._in_hand.running[delivery]
        self._in_hand.end(delivery)
        self._tasks.remove(stuck)
        self._executor.leave(stuck)
        self._start(self._work_after(delivery))

    async def _work_after(self, left: Delivery) -> None:
        """Take the place of a task whose job was left behind."""
        if left.cancelled:
            await self._settler.cancel(left)
        else:
            self._counters.failed += 1
            await self._settler.fail(left, overdue(left.job))
        await (self._work_alone() if left.suspect else self._work())
