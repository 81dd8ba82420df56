"""The event loop of ``naq.sync``: one, in a thread of naq's own."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable
from typing import TypeVar

from naq import connection
from naq.exceptions import NaqError

T = TypeVar("T")


class Loop:
    """An event loop in a daemon thread."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="naq-sync", daemon=True)
        self.thread.start()

    def run(self, awaitable: Awaitable[T]) -> T:
        """Run an awaitable on the loop and return its result."""

        async def wait() -> T:
            return await awaitable

        future = asyncio.run_coroutine_threadsafe(wait(), self.loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Close the connections, and end the thread."""
        self.run(connection.close_all_connections())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


_lock = threading.Lock()
_current: Loop | None = None


def current_loop() -> Loop:
    """Return naq's own loop, which the first call starts."""
    global _current
    with _lock:
        # A forked child has the object, but not the thread.
        if _current is None or _current.pid != os.getpid():
            _current = Loop()
        return _current


def run(awaitable: Awaitable[T]) -> T:
    """Run an awaitable on naq's own loop and return its result.

    Raises:
        NaqError: it was called in an event loop's thread, which must not stand still.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return current_loop().run(awaitable)
    if asyncio.iscoroutine(awaitable):
        awaitable.close()
    raise NaqError("naq.sync was called inside a running event loop: use the coroutine with await")


def close() -> None:
    """Close naq's own loop and its connections. The next call opens new ones."""
    global _current
    with _lock:
        loop, _current = _current, None
    if loop is not None and loop.pid == os.getpid():
        loop.close()
