"""The clients that leases hand out: views of one shared client that can't hurt each other.

A view is a client like any other, with the shared client's state as its own: the same
dictionary. What belongs to the lease alone lives in slots.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from time import perf_counter
from types import TracebackType
from typing import Any, Self

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import (
    DEFAULT_SUB_PENDING_BYTES_LIMIT,
    DEFAULT_SUB_PENDING_MSGS_LIMIT,
    Subscription,
)
from nats.js import JetStreamContext, JetStreamManager
from nats.js.errors import ServiceUnavailableError

from naq.config import Config
from naq.connection.client import NaqClient
from naq.connection.dial import where
from naq.connection.jetstream import NaqJetStream
from naq.connection.metrics import count_failure, in_monitored_call
from naq.connection.pool import shared_connection
from naq.connection.shared import SharedConnection
from naq.exceptions import NaqJetStreamError


async def connect(config: Config) -> SharedConnection:
    """Return the connection of a configuration with one lease more, whatever it takes.

    Raises:
        NaqConnectionError: there is no connection to be had.
    """
    try:
        return await shared_connection(config)
    except BaseException:
        count_failure()
        raise


class Lease(ABC):
    """A lease on a shared connection, counted from its beginning to its end."""

    # A class and no generator, and the very object that is handed out, where that is possible:
    # taking a lease has to cost next to nothing.
    __slots__ = ("_began", "_shared")

    _began: float
    _shared: SharedConnection | None

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    @abstractmethod
    async def close(self) -> None:
        """End the lease."""

    def _begin(self, shared: SharedConnection) -> None:
        self._shared = shared
        if in_monitored_call.get():
            self._began = 0.0
        else:
            shared.uses.begun += 1
            self._began = perf_counter()

    def _end(self) -> None:
        shared, self._shared = self._shared, None
        assert shared is not None
        if self._began:
            shared.uses.ended += 1
            shared.uses.seconds += perf_counter() - self._began
        shared.release()


class LeasedClient(Lease, NaqClient):
    """One lease's view of a shared client.

    Its ``close`` and ``drain`` end this view and the subscriptions made on it, nothing else.

    Args:
        config: what connection to take a lease on; it begins with ``async with``.
    """

    __slots__ = ("_config", "_ended", "_jetstream", "_subscriptions")

    _jetstream: LeasedJetStream | None
    _subscriptions: list[Subscription]

    def __init__(self, config: Config) -> None:
        # Not nats-py's: this client's state is the shared one's.
        self._config = config
        self._ended = False
        self._jetstream = None
        self._shared = None
        self._subscriptions = []

    @classmethod
    def of(cls, shared: SharedConnection) -> LeasedClient:
        """Return a view that is no lease: somebody else gives the lease back."""
        view = cls(shared.config)
        view.__dict__ = shared.client.__dict__
        view._jetstream = LeasedJetStream.of(shared.jetstream, view)
        return view

    async def __aenter__(self) -> Self:
        if self._shared is None and not self._ended:
            shared = await connect(self._config)
            self._begin(shared)
            self.__dict__ = shared.client.__dict__
        return self

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
        if opts or self._shared is None:
            return self._jetstream or JetStreamContext(self, **opts)
        if self._jetstream is None:
            self._jetstream = LeasedJetStream.of(self._shared.jetstream, self)
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
            self._jetstream = None  # a circle, which would wait for the garbage collector
            if self._shared is not None:
                self._end()

    async def _unsubscribe(self) -> None:
        for subscription in self._subscriptions:
            # One that ended before, or a connection that is gone, has nothing left to end.
            with suppress(nats.errors.Error):
                await subscription.unsubscribe()

    async def drain(self) -> None:
        """Handle what this lease's subscriptions have received, then end as ``close`` does.

        Raises:
            nats.errors.ConnectionClosedError: the lease has ended.
            nats.errors.DrainTimeoutError: the handlers took too long.
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
        # nats-py's own way out.
        await self.close()


@contextmanager
def jetstream_explained(config: Config) -> Iterator[None]:
    """Name the server on which there is no JetStream.

    Raises:
        NaqJetStreamError: in place of nats-py's error, which says next to nothing.
    """
    try:
        yield
    except ServiceUnavailableError as error:
        if isinstance(error, NaqJetStreamError):
            raise
        said = f"JetStream on the {where(config)} is out of order: {error.description}"
        if not error.description:
            said = f"no JetStream on the {where(config)}: it is not switched on"
        raise NaqJetStreamError(said) from error


class LeasedJetStream(NaqJetStream):
    """One lease's view of the JetStream context of a shared client."""

    __slots__ = ("_nc", "_shared")

    _nc: LeasedClient
    _shared: NaqJetStream

    @classmethod
    def of(cls, shared: NaqJetStream, client: LeasedClient) -> LeasedJetStream:
        """Return a new view of a JetStream context that works on a leased client."""
        view = cls.__new__(cls)
        view.__dict__ = shared.__dict__
        view._nc = client
        view._shared = shared
        return view

    async def _api_request(
        self, req_subject: str, req: bytes = b"", timeout: float = 5
    ) -> dict[str, Any]:
        with jetstream_explained(self._nc._config):
            return await super()._api_request(req_subject, req, timeout)

    @property
    def _jsm(self) -> JetStreamManager:
        return self

    async def _init_async_reply(self) -> None:
        # Acknowledgements may come after the lease that published has ended.
        await self._shared._init_async_reply()
