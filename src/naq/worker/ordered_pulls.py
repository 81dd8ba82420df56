"""Pulling jobs from several queues in order: strictly, or by their weights.

A standing request does not show that a queue is empty: its jobs may be on their way. So free
slots are filled by requests that do not wait: the server answers with what is there, or that there
is nothing. A queue that is found empty gets a standing request, and with that is known to be empty
until a job comes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import nats.errors
import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import Header

from naq.connection.inbox import Inbox
from naq.worker.delivery import left_behind
from naq.worker.in_hand import InHand
from naq.worker.order import QueueOrder, Ready, Shares
from naq.worker.pull import Puller

logger = logging.getLogger("naq.worker")

ANSWER_TIMEOUT: Final = 2.0
"""Seconds for an answer to a request that does not wait; then the queue counts as empty."""

LOOK_AGAIN_AFTER: Final = 0.5
"""Seconds between two looks without an event, for what a lost message has left undone."""


class Taker(Inbox):
    """Takes the jobs that a queue holds at the moment.

    Args:
        conn: the connection.
        stream: the stream's name.
        consumer: the consumer's name.
        deliver: takes each message; it must not block.
    """

    def __init__(
        self, conn: Client, stream: str, consumer: str, deliver: Callable[[Msg], None]
    ) -> None:
        super().__init__(conn)
        self._request = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._deliver = deliver
        self._number = 0
        self._missing = 0
        self._answered = asyncio.Event()

    async def take(self, wanted: int) -> int:
        """Ask for jobs that are there, and return how many came.

        Args:
            wanted: how many at most.
        """
        self._number += 1
        self._missing = wanted
        self._answered.clear()
        request = orjson.dumps({"batch": wanted, "no_wait": True})
        with suppress(nats.errors.Error, TimeoutError):
            await self._conn.publish(self._request, request, reply=f"{self._inbox}.{self._number}")
            async with asyncio.timeout(ANSWER_TIMEOUT):
                await self._answered.wait()
        return wanted - max(self._missing, 0)

    async def _look_on(self) -> None:
        """Nothing is to be done in the background."""

    def _received(self, msg: Msg) -> None:
        if msg.headers and not msg.data and Header.STATUS in msg.headers:
            if msg.subject.endswith(f".{self._number}"):
                self._answered.set()
            return
        self._missing -= 1
        self._deliver(msg)
        if self._missing <= 0:
            self._answered.set()


class _Line:
    """One queue of the worker.

    Args:
        rank: its place in the order, from 0.
        puller: its standing request.
        taker: takes what is there.
    """

    def __init__(self, rank: int, puller: Puller, taker: Taker) -> None:
        self.rank = rank
        self.puller = puller
        self.taker = taker
        self.was_empty = False

    @property
    def is_empty(self) -> bool:
        """Whether the server has no job of it: one that comes would be here at once."""
        return self.was_empty and self.puller.stands


class OrderedPulls:
    """Fills a worker's free slots from its queues in order, until cancelled.

    Args:
        order: the order.
        weights: the weights of the queues.
        in_hand: the jobs in hand.
        room: returns for how many more jobs there is room.
    """

    def __init__(
        self,
        order: QueueOrder,
        weights: Sequence[int],
        in_hand: InHand,
        room: Callable[[], int],
    ) -> None:
        self._is_strict = order is QueueOrder.STRICT
        self._shares = Shares(weights)
        self._in_hand = in_hand
        self._all_room = room
        self._lines: list[_Line] = []
        self._wake = asyncio.Event()
        self._wake.set()

    def add(self, puller: Puller, taker: Taker) -> None:
        """Add the next queue."""
        self._lines.append(_Line(len(self._lines), puller, taker))

    def room(self, rank: int) -> int:
        """Return how many jobs of a queue may be asked for: in strict order they overtake."""
        free = self._all_room()
        ready = self._in_hand.ready
        if self._is_strict and isinstance(ready, Ready):
            free += ready.qsize() - ready.up_to(rank)
        return free

    def standing_room(self, rank: int) -> int:
        """Return how many jobs the standing request of a queue may ask for."""
        is_found_empty = rank < len(self._lines) and self._lines[rank].was_empty
        return self.room(rank) if is_found_empty else 0

    def wake(self) -> None:
        """Look again: there is room, or something came."""
        self._wake.set()

    def start_over(self) -> None:
        """Forget what was known: the connection was lost."""
        for line in self._lines:
            line.was_empty = False
        self._wake.set()

    def note(self, rank: int, msg: Msg) -> None:
        """Note a job that came for a standing request."""
        if left_behind(msg):
            self._note_empty(self._lines[rank], False)
        self._wake.set()

    async def fill(self) -> None:
        """Fill free slots, again and again, until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_AGAIN_AFTER):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await (self._fill_strictly() if self._is_strict else self._fill_by_weights())
            except nats.errors.Error as error:
                logger.debug("no jobs are asked for now: %r", error)
            except Exception:
                logger.exception("no jobs are asked for now")

    async def _fill_strictly(self) -> None:
        for line in self._lines:
            room = self.room(line.rank)
            if room <= 0:
                return
            if not line.is_empty:
                await self._take(line, room)
            if not line.was_empty:
                self._wake.set()
                return
            await line.puller.ask()

    async def _fill_by_weights(self) -> None:
        room = self._all_room()
        full = [line for line in self._lines if not line.is_empty]
        if room > 0 and full:
            dealt = self._shares.deal(room, [line.rank for line in full])
            await asyncio.gather(
                *(self._take(self._lines[rank], count) for rank, count in dealt.items() if count)
            )
            self._wake.set()  # what one queue has left of its share is for the others
        elif room > 0:
            for line in self._lines:
                await line.puller.ask()

    async def _take(self, line: _Line, wanted: int) -> None:
        taken = await line.taker.take(wanted)
        self._note_empty(line, taken < wanted)
        if line.was_empty:
            await line.puller.ask()

    def _note_empty(self, line: _Line, is_empty: bool) -> None:
        line.was_empty = is_empty
        if isinstance(self._in_hand.ready, Ready):
            self._in_hand.ready.note(line.rank, has_more=not is_empty)
