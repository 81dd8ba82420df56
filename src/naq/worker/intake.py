"""Taking in: pulls jobs, and looks up whether they are done already."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from typing import Final

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.errors import APIError, KeyNotFoundError

from naq.connection.nats_py.jetstream import consumer_info
from naq.exceptions import SerializationError, describe_error
from naq.jobs.lookup import stored_outcomes
from naq.models.job import Job
from naq.models.record import JobRecord
from naq.streams import ensure_consumer
from naq.worker.delivery import Delivery, position
from naq.worker.in_hand import PREFETCH_TIME, InHand
from naq.worker.limits import Limits
from naq.worker.order import QueueOrder
from naq.worker.ordered_pulls import OrderedPulls, Taker
from naq.worker.pull import Puller
from naq.worker.settings import WorkerSettings
from naq.worker.settle import Settler
from naq.worker.unreadable import Unreadable

logger = logging.getLogger("naq.worker")

MAX_PREFETCH: Final = 256
MAX_IN_HAND: Final = 2000
LOOKUP_BATCH: Final = 200


class Intake:
    """Pulls jobs from the queues of a worker and hands them on when they may run.

    The pullers that ``open`` starts call ``_deliver`` for each message. A job about which there is
    no doubt is ready at once. A doubtful one may have been done already, or may have killed its
    worker: it waits until ``resolve_doubts`` has looked up its result and its record.

    Args:
        settings: the worker's settings.
        conn: the connection.
        js: its JetStream context.
        in_hand: takes the jobs.
        settler: settles what need not run.
        unreadable: takes what is no job.
        limits: takes the jobs that may run, and holds those that have to wait.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        conn: Client,
        js: JetStreamContext,
        in_hand: InHand,
        settler: Settler,
        unreadable: Unreadable,
        limits: Limits,
    ) -> None:
        self._settings = settings
        self._names = settings.config.names
        self._conn = conn
        self._js = js
        self._in_hand = in_hand
        self._settler = settler
        self._unreadable = unreadable
        self._limits = limits
        self._prefetch = settings.prefetch or 0
        self._doubt_until = float("inf")
        self._pullers: dict[str, Puller] = {}
        self._ordered: OrderedPulls | None = None
        if settings.order is not QueueOrder.TURNS:
            self._ordered = OrderedPulls(settings.order, settings.weights, in_hand, self._room)

    async def open(self, stack: AsyncExitStack) -> None:
        """Make the queues' consumers and ask them for jobs, until the stack is closed."""
        for rank, queue in enumerate(self._settings.queues):
            name = await ensure_consumer(self._js, self._names, queue, self._settings.ack_wait)
            if self._ordered is None:
                await self._pull(stack, queue, name, self._deliver, self._room)
            else:
                await self._pull_in_order(stack, self._ordered, rank, name)
        if self._ordered is not None:
            filling = asyncio.create_task(self._ordered.fill())
            stack.callback(filling.cancel)

    async def _pull(
        self,
        stack: AsyncExitStack,
        queue: str,
        consumer: str,
        deliver: Callable[[Msg], None],
        room: Callable[[], int],
    ) -> Puller:
        puller = Puller(self._conn, self._names.job_stream, consumer, deliver, room)
        self._pullers[queue] = await stack.enter_async_context(puller)
        return puller

    async def _pull_in_order(
        self, stack: AsyncExitStack, ordered: OrderedPulls, rank: int, consumer: str
    ) -> None:
        def deliver(msg: Msg) -> None:
            self._deliver(msg)
            ordered.note(rank, msg)

        room = functools.partial(ordered.standing_room, rank)
        puller = await self._pull(stack, self._settings.queues[rank], consumer, deliver, room)
        taker = Taker(self._conn, self._names.job_stream, consumer, self._deliver)
        ordered.add(puller, await stack.enter_async_context(taker))

    async def ask(self) -> None:
        """Ask for as many jobs as there is room for."""
        if self._ordered is not None:
            self._ordered.wake()
            return
        for puller in tuple(self._pullers.values()):
            if puller.wants():
                await puller.ask()

    async def look_after(self, *, reconnected: bool) -> None:
        """Repeat lost requests, and create lost consumers again.

        Args:
            reconnected: whether the connection was lost since the last call.
        """
        if reconnected and self._ordered is not None:
            self._ordered.start_over()
        for queue, puller in list(self._pullers.items()):
            if puller.consumer_lost:
                await ensure_consumer(self._js, self._names, queue, self._settings.ack_wait)
            await puller.look_after(reconnected=reconnected)

    @property
    def lost_a_consumer(self) -> bool:
        """Whether a consumer, or its server, reports trouble."""
        return any(puller.consumer_lost for puller in self._pullers.values())

    async def anything_left(self) -> bool:
        """Whether a queue still has jobs to give, or other workers have some of it in hand."""
        for puller in self._pullers.values():
            info = await consumer_info(self._js, self._names.job_stream, puller.consumer)
            if info.get("num_ack_pending") or (info.get("num_pending") and not info.get("paused")):
                return True
        return False

    def adapt_prefetch(self) -> None:
        """Let as many jobs wait as take a moment, unless the settings give a number."""
        if self._settings.prefetch is None:
            in_a_moment = PREFETCH_TIME / self._in_hand.mean_duration
            self._prefetch = min(int(self._settings.concurrency * in_a_moment), MAX_PREFETCH)

    async def learn_where_doubt_ends(self) -> None:
        """Ask which jobs were there before this connection was.

        A server that was killed may have forgotten that it handed a job out, or that the job was
        acknowledged. Whatever is older than the connection is looked up before it runs.
        """
        self._doubt_until = float("inf")
        info = await self._js.stream_info(self._names.job_stream)
        self._doubt_until = info.state.last_seq

    async def resolve_doubts(self) -> None:
        """Look up the results of doubtful jobs, until cancelled."""
        doubtful = self._in_hand.doubtful
        while True:
            await self._in_hand.doubts.wait()
            self._in_hand.doubts.clear()
            while doubtful:
                batch = [doubtful.popleft() for _ in range(min(LOOKUP_BATCH, len(doubtful)))]
                try:
                    await self._look_up(batch)
                except (nats.errors.Error, TimeoutError, APIError) as error:
                    logger.warning("cannot look up results: %s", describe_error(error))
                    doubtful.extendleft(reversed(batch))
                    await asyncio.sleep(1)

    def _room(self) -> int:
        """Return for how many more jobs a puller may ask."""
        in_hand = self._in_hand
        if len(in_hand.deliveries) >= MAX_IN_HAND or not in_hand.open.is_set():
            return 0
        idle = self._settings.concurrency - len(in_hand.running)
        return idle + self._prefetch - in_hand.waiting

    def _deliver(self, msg: Msg) -> None:
        """Take one message in: a job that is new, one that comes again, or what is no job."""
        sequence, delivered, enqueued_at = position(msg)
        held = self._in_hand.deliveries.get(sequence)
        if held is not None:
            held.msg = msg  # delivered again while it is in hand: the newer handle counts
            held.again += 1
            return
        try:
            job = Job.received(msg.subject, msg.data)
        except SerializationError as error:
            self._unreadable.take(msg, str(error))
            return
        delivery = Delivery(msg, job, sequence, delivered, enqueued_at)
        self._in_hand.deliveries[sequence] = delivery
        if delivered > 1 or sequence <= self._doubt_until or job.unique:
            self._in_hand.doubt(delivery)
        else:
            self._limits.take(delivery)

    async def _look_up(self, batch: list[Delivery]) -> None:
        """Settle the jobs that are done; let the others run, suspects alone."""
        ids = [delivery.job.job_id for delivery in batch if delivery.job.keep_result]
        stored = await stored_outcomes(self._conn, self._js, self._names, ids) if ids else {}
        done = {
            d: s
            for d in batch
            if (s := stored.get(d.job.job_id)) and (s.is_of(d.job) or s.covers(d.job))
        }
        again = [d for d in batch if d.delivered > 1 and d not in done]
        await asyncio.gather(*(self._read_record(delivery) for delivery in again))
        for delivery in batch:
            if delivery in done:
                self._settler.already_done(delivery, succeeded=done[delivery].succeeded)
            else:
                self._limits.take(delivery)

    async def _read_record(self, delivery: Delivery) -> None:
        kv = await self._js.key_value(self._names.job_status)
        with suppress(KeyNotFoundError, SerializationError):
            entry = await kv.get(delivery.job.job_id)
            record = JobRecord.deserialize(entry.value)
            if record.is_of(delivery.job):
                delivery.record = record
        # A process of its own takes no worker with it.
        isolated = delivery.job.isolated
        delivery.suspect = not isolated and not delivery.record.explains(delivery.delivered)
