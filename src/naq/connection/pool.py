"""One shared connection per event loop and configuration, and the leases on it."""

from __future__ import annotations

import asyncio
import copy
import os
import weakref
from collections.abc import AsyncGenerator, Coroutine
from dataclasses import dataclass, field
from typing import Any

from naq.config import Config
from naq.connection.metrics import Uses, monitor
from naq.connection.shared import SharedConnection
from naq.exceptions import NaqConnectionError


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
    uses: Uses = field(default_factory=Uses)
    _dials: dict[Config, Dial] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _end_of_loop: AsyncGenerator[None] | None = None

    async def acquire(self, config: Config) -> SharedConnection:
        """Return the connection of a configuration with one lease more on it.

        Raises:
            NaqConnectionError: there is no connection.
        """
        shared = self.connections.get(config)
        if shared is None or shared.client.is_closed:
            return await self._dial(config)
        shared.leases += 1
        try:
            await shared.wait_until_connected()
        except BaseException:
            shared.release()
            raise
        return shared

    async def _dial(self, config: Config) -> SharedConnection:
        """Connect once for all who ask at the same time."""
        await self._watch_end_of_loop()
        attempt = self._dials.get(config)
        if attempt is None:
            attempt = self._dials[config] = Dial()
            attempt.task = self.loop.create_task(self._open(config, attempt))
        attempt.waiters += 1
        try:
            # A task of its own: nats-py leaves the socket open when its connect is cancelled,
            # and one who goes must not take the connection from those who wait.
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
        shared = SharedConnection(config, self.uses, self._close_idle)
        try:
            await shared.open()
        finally:
            self._remove(config, attempt)
        self.connections[config] = shared
        return shared

    def _remove(self, config: Config, attempt: Dial) -> None:
        if self._dials.get(config) is attempt:
            del self._dials[config]

    def _give_up(self, config: Config, attempt: Dial) -> None:
        """End an attempt that nobody waits for any longer."""
        task = attempt.task
        if not task.done():
            self._remove(config, attempt)
            task.cancel()
        elif not task.cancelled() and task.exception() is None and not task.result().leases:
            task.result().start_idle_time()

    def _close_idle(self, shared: SharedConnection) -> None:
        if self.connections.get(shared.config) is shared:
            del self.connections[shared.config]
        self._spawn(shared.close())

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
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

    def drop(self) -> None:
        """Close the sockets of every connection without the loop, which runs no more."""
        for shared in self.connections.values():
            shared.client.drop_socket()
        self.connections.clear()
        self._dials.clear()

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
_pools: weakref.WeakSet[Pool] = weakref.WeakSet()


def current_pool() -> Pool:
    """Return the pool of the running loop."""
    loop = asyncio.get_running_loop()
    # Kept on the loop, so both go together: a table here would keep a loop that
    # nobody closed, and its connections, for ever.
    pool: Pool | None = getattr(loop, _ATTRIBUTE, None)
    return pool or _new_pool(loop)


def _new_pool(loop: asyncio.AbstractEventLoop) -> Pool:
    _drop_those_of_closed_loops()
    pool = Pool(loop)
    monitor.count(pool.uses)
    weakref.finalize(pool, monitor.retire, pool.uses).atexit = False
    setattr(loop, _ATTRIBUTE, pool)
    _pools.add(pool)
    return pool


def _drop_those_of_closed_loops() -> None:
    for pool in list(_pools):
        if pool.loop.is_closed():
            pool.drop()


def _forget_the_parent_s() -> None:
    """Close a forked child's copies of its parent's sockets, or they would stay open with it."""
    for pool in list(_pools):
        pool.drop()
    _pools.clear()


os.register_at_fork(after_in_child=_forget_the_parent_s)


async def close_all_connections() -> None:
    """Close every shared connection of the running loop, leased or not.

    A program that ends its loop with ``asyncio.run`` need not call it. One that uses
    ``run_until_complete`` and then ``loop.close()`` should.
    """
    _drop_those_of_closed_loops()
    await current_pool().close()


def standing_connection(config: Config) -> SharedConnection | None:
    """Return the connection of a configuration with one lease more, if it can be had at once."""
    shared = current_pool().connections.get(config)
    if shared is None or not shared.client.is_up:
        return None
    shared.leases += 1
    return shared


async def shared_connection(config: Config) -> SharedConnection:
    """Return the connection of a configuration with one lease more.

    Raises:
        NaqConnectionError: there is no connection.
    """
    return standing_connection(config) or await current_pool().acquire(config)
