"""Jobs under a limit: the worker holds them until there is a slot, or until their turn comes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.errors import APIError

from naq.exceptions import describe_error
from naq.models.limit import Limit
from naq.names import Names, kv_subject, token
from naq.worker.delivery import Delivery
from naq.worker.in_hand import InHand
from naq.worker.slots import RENEW, Slot, SlotStore

logger = logging.getLogger("naq.worker")

MOST_HELD: Final = 1000
"""Jobs under a limit that one worker holds; it gives back what comes besides."""

BACK_AFTER: Final = 30.0
"""Seconds after which those come again."""

LOOK_AGAIN: Final = 2.0
"""Seconds after which a worker looks again at the latest: the holder of a slot may have died."""

_TICK: Final = 0.5
_PAUSE: Final = 0.02
_OLD: Final = 0.5
"""Seconds after which a held job is looked up again: it may have been cancelled meanwhile."""

_TROUBLE: Final = (nats.errors.Error, APIError, TimeoutError)


class Limits:
    """Holds the jobs of one connection that are under a limit.

    Args:
        names: the names of the application.
        conn: the connection.
        js: its JetStream context.
        in_hand: takes the jobs that may run.
        concurrency: how many jobs run at once.
        give_back: gives a job back to the server for some seconds.
    """

    def __init__(
        self,
        names: Names,
        conn: Client,
        js: JetStreamContext,
        in_hand: InHand,
        concurrency: int,
        give_back: Callable[[Delivery, float], Awaitable[None]],
    ) -> None:
        self._names = names
        self._conn = conn
        self._in_hand = in_hand
        self._concurrency = concurrency
        self._give_back = give_back
        self._store = SlotStore(names, conn, js)
        self._slots: dict[Delivery, Slot] = {}
        self._freed: dict[str, asyncio.Event] = {}
        self._serving: set[asyncio.Future[None]] = set()
        self._freeing: set[asyncio.Future[None]] = set()
        self._is_wanted = asyncio.Event()
        self._is_ready = asyncio.Event()

    def take(self, delivery: Delivery) -> None:
        """Hand on a job when it may run: at once, or when its limit lets it."""
        limit = delivery.job.limit
        if limit is None or delivery.admitted:
            self._in_hand.admit(delivery)
            return
        self._is_wanted.set()
        held = self._in_hand.held
        if sum(map(len, held.values())) >= MOST_HELD:
            _start(self._give_back(delivery, BACK_AFTER), self._freeing)
            return
        delivery.held_at = time.monotonic()
        if limit.key in held:
            held[limit.key].append(delivery)
            return
        held[limit.key] = [delivery]
        _start(self._serve(limit.key), self._serving)

    def released(self, delivery: Delivery) -> None:
        """Free the slot of a job that is no longer in hand."""
        slot = self._slots.pop(delivery, None)
        if slot is not None:
            _start(self._free(slot), self._freeing)

    async def look_after(self) -> None:
        """Keep the slots, and hear of those that others free, until cancelled."""
        await self._is_wanted.wait()
        await self._conn.subscribe(kv_subject(self._names.job_limits, "slot.>"), cb=self._heard)
        reconnects = -1
        renewed_clock = 0.0
        while True:
            try:
                if reconnects != self._conn.stats["reconnects"]:
                    await self._store.reconnected()
                    reconnects = self._conn.stats["reconnects"]
                    await self._renew(0.0)
                    self._is_ready.set()
                if time.monotonic() - renewed_clock > RENEW:
                    await self._store.set_clock()
                    renewed_clock = time.monotonic()
                await self._renew(RENEW)
            except _TROUBLE as error:
                logger.debug("the slots of limits wait for the server: %s", describe_error(error))
            await asyncio.sleep(_TICK)

    async def close(self) -> None:
        """Wait for the slots that are being freed."""
        for task in self._serving:
            task.cancel()
        if self._freeing:
            await asyncio.wait(self._freeing, timeout=1)

    async def _heard(self, msg: Msg) -> None:
        if not msg.data:
            key = msg.subject.rpartition(".")[0]
            if key in self._freed:
                self._freed[key].set()

    async def _serve(self, key: str) -> None:
        """Let the jobs of one key go, one after the other."""
        held = self._in_hand.held[key]
        freed = asyncio.Event()
        self._freed[kv_subject(self._names.job_limits, f"slot.{token(key)}")] = freed
        await self._is_ready.wait()
        try:
            pause = _PAUSE
            while held:
                freed.clear()
                if not self._in_hand.closing and await self._let_one_go(held):
                    pause = _PAUSE
                    continue
                # The server sends on what it has not stored yet, so the slot that a worker hears
                # of may still look taken: it looks again soon, and then less and less often.
                try:
                    await asyncio.wait_for(freed.wait(), pause)
                    pause = _PAUSE
                except TimeoutError:
                    pause = min(2 * pause, LOOK_AGAIN)
        finally:
            del self._freed[kv_subject(self._names.job_limits, f"slot.{token(key)}")]
            if self._in_hand.held.get(key) is held:
                del self._in_hand.held[key]

    async def _let_one_go(self, held: list[Delivery]) -> bool:
        delivery = held[0]
        limit = delivery.job.limit
        assert limit is not None
        try:
            if limit.at_once is not None:
                waiting = {each.job.job_id: each for each in held}
                slot = await self._store.take(limit, waiting)
                if slot is None:
                    return False
                delivery = waiting[slot.job_id]
                self._slots[delivery] = slot
            if limit.per_second is not None:
                await self._wait_for_turn(limit)
        except _TROUBLE as error:
            logger.warning("%s waits for its limit: %s", delivery.job, describe_error(error))
            self.released(delivery)
            return False
        if delivery not in held:  # it was given back meanwhile
            self.released(delivery)
            return True
        held.remove(delivery)
        delivery.admitted = True
        if time.monotonic() - delivery.held_at > _OLD and delivery.job.keep_result:
            self._in_hand.doubt(delivery)
        else:
            self._in_hand.admit(delivery)
        return True

    async def _wait_for_turn(self, limit: Limit) -> None:
        # Turns of jobs that wait for others to end would come together later.
        in_hand = self._in_hand
        while len(in_hand.running) + in_hand.ready.qsize() >= self._concurrency:  # noqa: ASYNC110
            await asyncio.sleep(_PAUSE)
        await asyncio.sleep(await self._store.take_turn(limit))

    async def _renew(self, age: float) -> None:
        now = time.monotonic()
        for delivery, slot in list(self._slots.items()):
            if now - slot.renewed_at >= age and not await self._store.renew(slot):
                logger.warning("%s has lost its slot: more run at once than allowed", delivery.job)
                self._slots.pop(delivery, None)

    async def _free(self, slot: Slot) -> None:
        with suppress(*_TROUBLE):  # its lease ends by itself
            await self._store.free(slot)


def _start(work: Awaitable[None], tasks: set[asyncio.Future[None]]) -> None:
    task = asyncio.ensure_future(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
