"""The shared connection of leases: opening, lifetime, closing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import nats.errors
from nats.js.kv import KeyValue

from naq.config import Config
from naq.connection.dial import dial, where
from naq.connection.metrics import Uses
from naq.connection.nats_py.client import NaqClient
from naq.connection.nats_py.jetstream import NaqJetStream
from naq.exceptions import NaqConnectionLostError

logger = logging.getLogger("naq.connection")


class SharedConnection:
    """A connected client, the number of leases on it, and the buckets bound on it.

    Args:
        config: what it is made from.
        uses: counts the leases.
        idle_cb: called when nobody has used it for ``idle_time``; closes it.
    """

    client: NaqClient
    jetstream: NaqJetStream

    def __init__(
        self,
        config: Config,
        uses: Uses,
        idle_cb: Callable[[SharedConnection], None] | None = None,
    ) -> None:
        self.config = config
        self.uses = uses
        self.leases = 0
        self.buckets: dict[str, KeyValue] = {}
        self.binding: dict[str, asyncio.Event] = {}
        self._idle_cb = idle_cb
        self._idle_since = 0.0
        self._idle_timer: asyncio.TimerHandle | None = None
        self._connected = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    async def open(self) -> None:
        """Connect.

        Raises:
            NaqConnectionError: no server could be connected to.
        """
        self.client = await dial(
            self.config, disconnected_cb=self._disconnected, reconnected_cb=self._reconnected
        )
        self.jetstream = NaqJetStream(self.client, timeout=self.config.request_timeout)
        self._connected.set()
        logger.debug("connected to the %s", where(self.config))

    async def _disconnected(self) -> None:
        if not self._connected.is_set():
            return  # lost before it was made: the dial reports that itself
        self._connected.clear()
        self.buckets.clear()
        if not self.client.is_closed:
            logger.warning("the connection to the %s is lost", where(self.config))

    async def _reconnected(self) -> None:
        self.client.buffer_again()
        self._connected.set()
        logger.info("the connection to the %s is back", where(self.config))

    async def wait_until_connected(self) -> None:
        """Wait for the end of an outage.

        Raises:
            NaqConnectionLostError: it takes longer than ``connect_timeout``.
        """
        try:
            async with asyncio.timeout(self.config.connect_timeout):
                await self._connected.wait()
        except TimeoutError as error:
            cause = self.client.last_error
            reason = f": {cause}" if cause else ""
            raise NaqConnectionLostError(
                f"the connection to the {where(self.config)} is lost and did not come back "
                f"within {self.config.connect_timeout:g} s{reason}"
            ) from error

    def release(self) -> None:
        """Give back one lease. The last one starts the idle time."""
        self.leases -= 1
        if not self.leases:
            self.start_idle_time()

    def start_idle_time(self) -> None:
        """Close the connection later, unless somebody wants it before."""
        self._idle_since = self._loop.time()
        if self._idle_timer is None and not self._loop.is_closed():
            self._idle_timer = self._loop.call_later(self.config.idle_time, self._look_again)

    def _look_again(self) -> None:
        self._idle_timer = None
        if self.leases or self._idle_cb is None:
            return
        rest = self._idle_since + self.config.idle_time - self._loop.time()
        if rest > 0:
            # It was used meanwhile: cheaper to look again than to move the timer at each use.
            self._idle_timer = self._loop.call_later(rest, self._look_again)
        else:
            self._idle_cb(self)

    async def close(self) -> None:
        """Flush and close; drop the socket when the server does not play along."""
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        try:
            async with asyncio.timeout(self.config.close_timeout):
                await self.client.close()
        except (OSError, nats.errors.Error) as error:
            logger.debug("closing the connection to the %s: %s", where(self.config), error)
        finally:
            self.client.abandon()
