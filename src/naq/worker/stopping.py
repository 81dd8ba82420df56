"""Stopping: the end of a worker, and of the jobs that it holds then."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import Final

from naq.plural import counted
from naq.worker.heartbeat import FLUSH_TIMEOUT, TICK
from naq.worker.in_hand import InHand
from naq.worker.intake import Intake
from naq.worker.runners import Runners
from naq.worker.settings import WorkerSettings
from naq.worker.settle import Settler

logger = logging.getLogger("naq.worker")

_PAUSE: Final = 0.02
"""Seconds between two looks at the jobs that a stopping worker still holds."""


@dataclass(slots=True)
class StopRequest:
    """Whether somebody wants a worker to stop.

    Args:
        asked: set by the first request; running jobs may end.
        hurried: set by the second one; running jobs are given back.
        out_of_memory: how much memory the worker has, where that is why it stops.
    """

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    hurried: asyncio.Event = field(default_factory=asyncio.Event)
    out_of_memory: str = ""

    def again(self) -> None:
        """Ask once more."""
        if self.asked.is_set():
            self.hurried.set()
        self.asked.set()


class Stopping:
    """Ends the work on one connection.

    Args:
        settings: the worker's settings.
        request: whether somebody wants the worker to stop.
        in_hand: the jobs in hand.
        intake: takes jobs in.
        runners: run them.
        settler: settles them.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        request: StopRequest,
        in_hand: InHand,
        intake: Intake,
        runners: Runners,
        settler: Settler,
    ) -> None:
        self._settings = settings
        self._request = request
        self._in_hand = in_hand
        self._intake = intake
        self._runners = runners
        self._settler = settler

    async def wait(self) -> None:
        """Wait until the worker has to stop, or, in a burst, has nothing left to do."""
        if not self._settings.burst:
            await self._request.asked.wait()
            return
        while not self._request.asked.is_set():
            await asyncio.sleep(TICK / 4)
            if not self._in_hand.deliveries and not await self._intake.anything_left():
                return

    async def wind_down(self) -> None:
        """Give back what has not begun, and what does not end in time."""
        in_hand = self._in_hand
        in_hand.closing = True
        await self._give_back_unbegun()
        if self._request.out_of_memory:
            await self._give_back_suspects(self._request.out_of_memory)
        else:
            await self._let_jobs_end()
        if in_hand.running:
            logger.info("giving back %s", counted(len(in_hand.running), "job"))
        await self._runners.break_off()
        if self._settler.returned:
            logger.info("gave back %s", counted(self._settler.returned, "job"))
        deadline = time.monotonic() + FLUSH_TIMEOUT
        while in_hand.deliveries and time.monotonic() < deadline:
            await self._give_back_unbegun()
            await asyncio.sleep(_PAUSE)

    async def _give_back_unbegun(self) -> None:
        """Give back what waits; the look-up of results may bring more of it a moment later."""
        in_hand = self._in_hand
        unbegun = [in_hand.ready.get_nowait() for _ in range(in_hand.ready.qsize())]
        while in_hand.suspects:
            unbegun.append(in_hand.suspects.popleft())
        for held in in_hand.held.values():
            unbegun += held
            held.clear()
        await asyncio.gather(*map(self._settler.give_back_unharmed, unbegun))
        while in_hand.doubtful:  # nothing is known of their earlier attempts yet
            await self._settler.give_back(in_hand.doubtful.popleft())

    async def _give_back_suspects(self, reason: str) -> None:
        """Give back the running jobs as a crash would: each of them is a suspect, and runs alone.

        A job that has the worker to itself is charged with its end. An isolated one has its memory
        elsewhere.
        """
        running = [delivery for delivery in self._in_hand.running if not delivery.over]
        suspects = [delivery for delivery in running if not delivery.job.isolated]
        for delivery in running:
            delivery.left = True
        if len(suspects) == 1:
            await self._settler.charge(suspects[0], f"the last one had {reason}")
        for delivery in running:
            if delivery in suspects:
                await self._settler.give_back(delivery)
            else:
                await self._settler.give_back_unharmed(delivery)
        names = ", ".join(str(delivery.job) for delivery in suspects) or "no job"
        logger.error("the worker ends: it has %s. Running: %s", reason, names)

    async def _let_jobs_end(self) -> None:
        running, patience = self._in_hand.running, self._settings.shutdown_timeout
        if running:
            logger.info(
                "stopping: %s to finish, in %g s at most; a second signal does not wait",
                counted(len(running), "job"),
                patience,
            )
        hurried = asyncio.ensure_future(self._request.hurried.wait())
        deadline = time.monotonic() + patience
        while running and time.monotonic() < deadline and not hurried.done():
            await asyncio.wait([hurried], timeout=_PAUSE)
            await self._give_back_unbegun()
        hurried.cancel()
