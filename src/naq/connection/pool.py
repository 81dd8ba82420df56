"""One shared connection per event loop and configuration, and the leases on it."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

from nats.js import JetStreamContext

from naq.config import Config
from naq.connection.client import LeasedClient, NaqClient
from naq.connection.dial import abandon, address, dial
from naq.exceptions import NaqConnectionError, NaqTimeoutError

CLOSE_TIMEOUT = 2.0
"""Seconds that the orderly close of a connection may take before its socket is dropped."""


class SharedConnection:
    """A connected client, the leases on it, and the buckets bound on it.

    Args:
        pool: the pool that holds it.
        config: what it was made from.
    """

    def __init__(self, pool: Pool, config: Config) -> None:
        self.pool = pool
        self.config = config
        self.leases = 0
        self.buckets: dict[str, Any] = {}
        self._connected = asyncio.Event()
        self._idle_since = 0.0
        self._idle_timer: asyncio.TimerHandle | None = None
        self.client: NaqClient
        self.jetstream: JetStreamContext

    async def open(self) -> None:
        """Connect.

        Raises:
            NaqConnectionError: no server could be connected to.
        """

        async def disconnected() -> None:
            self._connected.clear()
            self.buckets.clear()

        async def reconnected() -> None:
            self._connected.set()

        self.client = await dial(
            self.config, disconnected_cb=disconnected, reconnected_cb=reconnected
        )
        self._connected.set()
        self.jetstream = JetStreamContext(self.client, timeout=self.config.request_timeout)

    async def wait_until_connected(self) -> None:
        """Wait for the end of an outage.

        Raises:
            NaqTimeoutError: it takes longer than ``connect_timeout``.
        """
        try:
            async with asyncio.timeout(self.config.connect_timeout):
                await self._connected.wait()
        except TimeoutError as error:
            servers = ", ".join(address(server) for server in self.config.servers)
            raise NaqTimeoutError(
                f"the connection to the NATS server at {servers} is lost and did not come back "
                f"within {self.config.connect_timeout:g} s"
            ) from error

    def release(self) -> None:
        """Give back one lease. The last one starts the idle time."""
        self.leases -= 1
        if not self.leases:
            self.start_idle_time()

    def start_idle_time(self) -> None:
        """Close the connection later, unless somebody wants it before."""
        loop = self.pool.loop
        self._idle_since = loop.time()
        if self._idle_timer is None and not loop.is_closed():
            self._idle_timer = loop.call_later(self.config.idle_time, self._idle_time_is_over)

    def _idle_time_is_over(self) -> None:
        self._idle_timer = None
        if self.leases:
            return
        rest = self._idle_since + self.config.idle_time - self.pool.loop.time()
        if rest > 0:
            # It was used meanwhile: cheaper to look again than to move the timer at each use.
            self._idle_timer = self.pool.loop.call_later(rest, self._idle_time_is_over)
            return
        self.pool.forget(self)
        self.pool.spawn(self.close())

    async def close(self) -> None:
        """Flush and close; drop the socket when the server does not play along."""
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self.client.close()
        except (TimeoutError, OSError):
            pass
        finally:
            abandon(self.client)


@dataclass(eq=False)
class Dial:
    """A connection being made, and how many wait for it."""

    waiters: int = 0
    task: asyncio.Task[SharedConnection] = field(init=False)


@dataclass(eq=False)
class Pool:
    """The shared connections of one event loop.

    Args:
        loop: the event loop.
    """

    loop: asyncio.AbstractEventLoop
    connections: dict[Config, SharedConnection] = field(default_factory=dict)
    _dials: dict[Config, Dial] = field(default_factory=dict)
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    _end_of_loop: AsyncGenerator[None] | None = None

    async def acquire(self, config: Config) -> SharedConnection:
        """Return the connection of a configuration with one lease more on it.

        Raises:
            NaqConnectionError: there is no connection to be had.
        """
        shared = self.connections.get(config)
        if shared is not None and shared.client.is_closed:
            self.forget(shared)
            shared = None
        if shared is None:
            return await self._dial(config)
        shared.leases += 1
        if not shared.client.is_connected:
            try:
                await shared.wait_until_connected()
            except BaseException:
                shared.release()
                raise
        return shared

    async def _dial(self, config: Config) -> SharedConnection:
        await self._watch_end_of_loop()
        attempt = self._dials.get(config)
        if attempt is None:
            attempt = self._dials[config] = Dial()
            attempt.task = self.loop.create_task(self._open(config, attempt))
        attempt.waiters += 1
        try:
            shared = await asyncio.shield(attempt.task)
        except asyncio.CancelledError:
            attempt.waiters -= 1
            if not attempt.waiters:
                self._give_up(config, attempt)
            raise
        except NaqConnectionError as error:
            # Every waiter raises an exception of its own: tracebacks grow where they pass.
            raise copy.copy(error) from error.__cause__
        attempt.waiters -= 1
        shared.leases += 1
        return shared

    async def _open(self, config: Config, attempt: Dial) -> SharedConnection:
        shared = SharedConnection(self, config)
        try:
            await shared.open()
        finally:
            if self._dials.get(config) is attempt:
                del self._dials[config]
        if attempt.task.cancelling():
            # Python 3.11's wait_for may lose a cancellation that comes with the last byte.
            abandon(shared.client)
            raise asyncio.CancelledError
        self.connections[config] = shared
        return shared

    def _give_up(self, config: Config, attempt: Dial) -> None:
        """End an attempt that nobody waits for any longer."""
        if not attempt.task.done():
            self._dials.pop(config, None)
            attempt.task.cancel()
        elif not attempt.task.cancelled() and attempt.task.exception() is None:
            shared = attempt.task.result()
            if not shared.leases:
                shared.start_idle_time()

    def forget(self, shared: SharedConnection) -> None:
        """Hand out this connection no longer."""
        if self.connections.get(shared.config) is shared:
            del self.connections[shared.config]

    def spawn(self, coroutine: Any) -> None:
        """Run a coroutine in the background until it ends."""
        task = self.loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Close every connection, leased or not."""
        for attempt in self._dials.values():
            attempt.task.cancel()
        self._dials.clear()
        shared, self.connections = list(self.connections.values()), {}
        await asyncio.gather(*(connection.close() for connection in shared))

    async def _watch_end_of_loop(self) -> None:
        """Have the loop close what is left when it ends.

        ``asyncio.run`` and its kin close every async generator that was started on the loop.
        """
        if self._end_of_loop is None:
            self._end_of_loop = self._close_at_end()
            await anext(self._end_of_loop)

    async def _close_at_end(self) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            self._end_of_loop = None
            await self.close()


_ATTRIBUTE = "_naq_connection_pool"


def current_pool() -> Pool:
    """Return the pool of the running loop."""
    loop = asyncio.get_running_loop()
    # Kept on the loop, so that the two go together: a table here would keep a loop that
    # nobody closed, and its connections, for ever.
    pool: Pool | None = getattr(loop, _ATTRIBUTE, None)
    if pool is None:
        pool = Pool(loop)
        setattr(loop, _ATTRIBUTE, pool)
    return pool


async def close_all_connections() -> None:
    """Close every shared connection of the running loop, leased or not."""
    await current_pool().close()


async def lease(config: Config) -> tuple[SharedConnection, LeasedClient]:
    """Return the connection of a configuration and a new view of its client."""
    pool = current_pool()
    shared = pool.connections.get(config)
    if shared is not None and shared.client._status == NaqClient.CONNECTED:
        shared.leases += 1
    else:
        shared = await pool.acquire(config)
    return shared, LeasedClient.of(shared.client, shared.jetstream)
