"""The clients that leases hand out: views of one shared client that can't hurt each other.

A view is a client like any other, with the shared client's state as its own: the same
dictionary. What belongs to the lease alone lives in slots.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import (
    DEFAULT_SUB_PENDING_BYTES_LIMIT,
    DEFAULT_SUB_PENDING_MSGS_LIMIT,
    Subscription,
)
from nats.js import JetStreamContext


class NaqClient(Client):
    """nats-py's client, mended where a shared connection can't bear its ways."""

    tls_required = False

    def _connect_command(self) -> bytes:
        # nats-py leaves the choice of TLS to the server, and sends credentials either way.
        writer = getattr(self._transport, "_io_writer", None)
        if self.tls_required and writer and writer.get_extra_info("ssl_object") is None:
            raise nats.errors.SecureConnWantedError
        return super()._connect_command()

    async def _process_pong(self) -> None:
        # The answer to a flush that was cancelled, or came too late, would end the reading.
        if self._pongs and self._pongs[0].done():
            self._pongs[0] = asyncio.get_running_loop().create_future()
        await super()._process_pong()

    async def _read_loop(self) -> None:
        await super()._read_loop()
        task = asyncio.current_task()
        if self._status == Client.CONNECTED and task is not None and not task.cancelling():
            # An exception ended the reading: without this, nobody would ever hear of it.
            await self._process_op_err(nats.errors.StaleConnectionError())

    def abandon(self) -> None:
        """End everything at once, saying nothing to the server. Idempotent.

        nats-py's ``close`` leaves tasks and the socket behind when it is cancelled.
        """
        self._status = Client.CLOSED
        for task in (
            self._reading_task,
            self._ping_interval_task,
            self._flusher_task,
            self._reconnection_task,
        ):
            if task is not None:
                task.cancel()
        for subscription in self._subs.values():
            subscription._stop_processing()
            for waiter in (subscription._pending_next_msgs_calls or {}).values():
                waiter.cancel()
        self._subs.clear()
        writer = getattr(self._transport, "_io_writer", None)
        if writer is not None:
            writer.transport.abort()

    def drop_socket(self) -> None:
        """Close the socket without a loop, which has ended or is the parent process's."""
        writer = getattr(self._transport, "_io_writer", None)
        if writer is not None:
            # What asyncio hands out has no close. uvloop's has no socket: it closes its own.
            socket = getattr(writer.get_extra_info("socket"), "_sock", None)
            if socket is not None:
                socket.close()

    async def publish(
        self,
        subject: str,
        payload: bytes = b"",
        reply: str = "",
        headers: dict[str, str] | None = None,
    ) -> None:
        """Publish a message, or refuse to while there is no connection.

        nats-py keeps such messages and sends them after the reconnection, long after their
        publishers were told that they had failed.

        Raises:
            nats.errors.OutboundBufferLimitError: there is no connection at the moment.
        """
        if not (self.is_connected or self.is_closed):
            raise nats.errors.OutboundBufferLimitError
        await super().publish(subject, payload, reply, headers)


class LeasedClient(NaqClient):
    """One lease's view of a shared client.

    Its ``close`` and ``drain`` end this view and the subscriptions made on it, nothing else.
    """

    __slots__ = ("_ended", "_jetstream", "_release", "_shared_jetstream", "_subscriptions")

    _ended: bool
    _jetstream: LeasedJetStream | None
    _release: Callable[[], None]
    _shared_jetstream: JetStreamContext
    _subscriptions: list[Subscription]

    @classmethod
    def of(
        cls, shared: NaqClient, jetstream: JetStreamContext, release: Callable[[], None]
    ) -> LeasedClient:
        """Return a new view.

        Args:
            shared: the client.
            jetstream: its JetStream context.
            release: called once, when the view ends.
        """
        view = cls.__new__(cls)
        view.__dict__ = shared.__dict__
        view._ended = False
        view._jetstream = None
        view._release = release
        view._shared_jetstream = jetstream
        view._subscriptions = []
        return view

    @property
    def is_closed(self) -> bool:
        """Whether the lease has ended or the connection was closed."""
        return self._ended or self._status == Client.CLOSED

    @property
    def is_connected(self) -> bool:
        """Whether the lease lasts and the connection stands."""
        return not self._ended and super().is_connected

    async def subscribe(
        self,
        subject: str,
        queue: str = "",
        cb: Callable[[Msg], Awaitable[None]] | None = None,
        future: asyncio.Future[Any] | None = None,
        max_msgs: int = 0,
        pending_msgs_limit: int = DEFAULT_SUB_PENDING_MSGS_LIMIT,
        pending_bytes_limit: int = DEFAULT_SUB_PENDING_BYTES_LIMIT,
    ) -> Subscription:
        """Subscribe until the lease ends."""
        subscription = await super().subscribe(
            subject, queue, cb, future, max_msgs, pending_msgs_limit, pending_bytes_limit
        )
        self._subscriptions.append(subscription)
        return subscription

    def jetstream(self, **opts: Any) -> JetStreamContext:
        """Return the JetStream context of the lease, or one with options of its own."""
        if opts:
            return JetStreamContext(self, **opts)
        if self._jetstream is None:
            self._jetstream = LeasedJetStream.of(self._shared_jetstream, self)
        return self._jetstream

    async def connect(self, *_arguments: Any, **_options: Any) -> None:
        """Refuse: a lease is connected already.

        Raises:
            nats.errors.Error: always.
        """
        raise nats.errors.Error("naq: a leased connection is connected already")

    async def close(self) -> None:
        """End this lease and its subscriptions. The connection stays open for the others."""
        if self._ended:
            return
        try:
            if self._subscriptions:
                await self._unsubscribe()
        finally:
            self._ended = True
            self._release()

    async def _unsubscribe(self) -> None:
        for subscription in self._subscriptions:
            # One that ended before, or a connection that is gone, has nothing left to end.
            with suppress(nats.errors.Error):
                await subscription.unsubscribe()

    async def drain(self) -> None:
        """Handle what this lease's subscriptions have received, then end as ``close`` does.

        Raises:
            nats.errors.ConnectionClosedError: the lease has ended.
        """
        if self.is_closed:
            raise nats.errors.ConnectionClosedError
        try:
            async with asyncio.timeout(self.options["drain_timeout"]):
                # What waits for a `next_msg` or an `async for` waits for nobody any longer.
                await asyncio.gather(
                    *(s._drain() for s in self._subscriptions if s._cb and not s._closed)
                )
                await self.flush()
        except TimeoutError as error:
            raise nats.errors.DrainTimeoutError from error
        finally:
            await self.close()

    async def _close(self, status: int, do_cbs: bool = True) -> None:
        # nats-py's own way out, which its `async with` takes too.
        await self.close()


class LeasedJetStream(JetStreamContext):
    """One lease's view of the JetStream context of a shared client."""

    __slots__ = ("_nc", "_shared")

    _nc: LeasedClient
    _shared: JetStreamContext

    @classmethod
    def of(cls, shared: JetStreamContext, client: LeasedClient) -> LeasedJetStream:
        """Return a new view of a JetStream context that works on a leased client."""
        view = cls.__new__(cls)
        view.__dict__ = shared.__dict__
        view._nc = client
        view._shared = shared
        return view

    async def _init_async_reply(self) -> None:
        # Acknowledgements may come after the lease that published has ended.
        await self._shared._init_async_reply()
