"""A worker's lifespan: an async context manager of the user's, around all of its jobs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Final

from naq.exceptions import LifespanError
from naq.worker.stopping import StopRequest

logger = logging.getLogger("naq.worker")

CANCEL_TIMEOUT: Final = 5.0
"""Seconds that a lifespan has to end in when it is cancelled, before it is left behind."""


class Lifespan(AbstractAsyncContextManager[Any]):
    """Enters the user's context manager, yields its state, and leaves it at the end.

    The context manager has a task of its own, which enters and leaves it: one that hangs cannot
    hold the worker. If it ends by itself, the worker is asked to stop.

    Args:
        make: returns the context manager.
        request: whether somebody wants the worker to stop. Then a start is broken off, and a
            second request does not wait for the end.
        patience: seconds that its end may take.

    Raises:
        LifespanError: it failed, at the start or at the end, or did not end in time.
    """

    def __init__(
        self,
        make: Callable[[], AbstractAsyncContextManager[Any]],
        request: StopRequest,
        patience: float,
    ) -> None:
        self._make = make
        self._request = request
        self._patience = patience
        self._end = asyncio.Event()
        self.is_left_behind = False

    async def __aenter__(self) -> Any:
        """Return the state; None if the worker is to stop already."""
        self._up: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._live(), name="naq-lifespan")
        asked = asyncio.ensure_future(self._request.asked.wait())
        try:
            await asyncio.wait((self._up, self._task, asked), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await self._break_off()
            raise
        finally:
            asked.cancel()
        if self._up.done():
            self._task.add_done_callback(self._note_end)
            return self._up.result()
        if not self._task.done():
            await self._break_off()
        self._raise_failure("at the start")
        return None

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        ended_before = self._task.done() and self._up.done()
        self._end.set()
        hurried = asyncio.ensure_future(self._request.hurried.wait())
        try:
            await asyncio.wait(
                (self._task, hurried),
                timeout=self._patience,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            hurried.cancel()
            is_late = not self._task.done()
            if is_late:
                await self._break_off()
        if error is None:
            self._raise_failure("while the worker ran" if ended_before else "at the end")
            if is_late:
                raise LifespanError(f"the lifespan did not end within {self._patience:g} s")

    async def _live(self) -> None:
        manager = self._make()
        if not isinstance(manager, AbstractAsyncContextManager):
            raise TypeError("it is no async context manager: use contextlib.asynccontextmanager")
        async with manager as state:
            self._up.set_result(state)
            await self._end.wait()

    def _note_end(self, _task: asyncio.Task[None]) -> None:
        if not self._end.is_set():
            self._request.asked.set()

    async def _break_off(self) -> None:
        self._task.cancel()
        await asyncio.wait((self._task,), timeout=CANCEL_TIMEOUT)
        if not self._task.done():
            self.is_left_behind = True
            logger.error("the lifespan does not end although it is cancelled: left behind")

    def _raise_failure(self, when: str) -> None:
        if not self._task.done() or self._task.cancelled():
            return
        error = self._task.exception()
        if error is not None:
            raise LifespanError(
                f"the lifespan failed {when}: {type(error).__name__}: {error}"
            ) from error
