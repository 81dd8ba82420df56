"""Views: clients and JetStream contexts that work on another one's state.

A view is a client like any other, with the shared client's state as its own: the same
dictionary. What belongs to the view alone lives in slots.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, suppress
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import (
    DEFAULT_SUB_PENDING_BYTES_LIMIT,
    DEFAULT_SUB_PENDING_MSGS_LIMIT,
    Subscription,
)
from nats.js import JetStreamManager

from naq.connection.nats_py.client import NaqClient
from naq.connection.nats_py.jetstream import NaqJetStream


class ClientView(ABC, NaqClient):
    """A view of a shared client. Ending it ends the subscriptions made on it, nothing else.

    A subclass names ``_ended`` and ``_subscriptions`` in its ``__slots__``.
    """

    __slots__ = ()

    _ended: bool
    _subscriptions: list[Subscription]

    def __init__(self) -> None:
        # Without nats-py's __init__: this client's state is the shared one's.
        self._ended = False
        self._subscriptions = []

    def look_at(self, shared: NaqClient) -> None:
        """Take the state of a shared client as this one's."""
        self.__dict__ = shared.__dict__

    @property
    def is_closed(self) -> bool:
        """Whether the view has ended or the connection was closed."""
        return self._ended or self.is_down

    @property
    def is_connected(self) -> bool:
        """Whether the view lasts and the connection stands."""
        return not self._ended and super().is_connected

    @property
    def has_ended(self) -> bool:
        """Whether the view has ended."""
        return self._ended

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
        """Subscribe until the view ends."""
        subscription = await super().subscribe(
            subject, queue, cb, future, max_msgs, pending_msgs_limit, pending_bytes_limit
        )
        self._subscriptions.append(subscription)
        return subscription

    async def connect(self, *_arguments: Any, **_options: Any) -> None:
        """Refuse: the shared client is connected already.

        Raises:
            nats.errors.Error: always.
        """
        raise nats.errors.Error("naq: a leased connection is connected already")

    @abstractmethod
    async def close(self) -> None:
        """End this view and its subscriptions. The connection stays open for the others."""

    async def unsubscribe_all(self) -> None:
        """End the subscriptions made on this view."""
        for subscription in self._subscriptions:
            # One that ended before, or a connection that is gone, has nothing left to end.
            with suppress(nats.errors.Error):
                await subscription.unsubscribe()

    async def drain(self) -> None:
        """Handle what this view's subscriptions have received, then end as ``close`` does.

        Raises:
            nats.errors.ConnectionClosedError: the view has ended.
            nats.errors.DrainTimeoutError: the handlers took too long.
        """
        if self.is_closed:
            raise nats.errors.ConnectionClosedError
        try:
            async with asyncio.timeout(self.options["drain_timeout"]):
                # A reader of `next_msg` or `async for` has gone by now.
                await asyncio.gather(
                    *(s._drain() for s in self._subscriptions if s._cb and not s._closed)
                )
                await self.flush()
        except TimeoutError as error:
            raise nats.errors.DrainTimeoutError from error
        finally:
            await self.close()

    async def _close(self, status: int, do_cbs: bool = True) -> None:
        # nats-py calls it at the end of `async with`.
        await self.close()


class JetStreamView(ABC, NaqJetStream):
    """A view of a JetStream context, which works on another client."""

    __slots__ = ("_nc", "_shared")

    _nc: Client
    _shared: NaqJetStream

    def __init__(self, shared: NaqJetStream, client: Client) -> None:
        # Without nats-py's __init__: this context's state is the shared one's.
        self.__dict__ = shared.__dict__
        self._nc = client
        self._shared = shared

    @abstractmethod
    def explain_errors(self) -> AbstractContextManager[None]:
        """Return a context manager around each request, which may explain its errors."""

    async def _api_request(
        self, req_subject: str, req: bytes = b"", timeout: float = 5
    ) -> dict[str, Any]:
        with self.explain_errors():
            return await super()._api_request(req_subject, req, timeout)

    @property
    def _jsm(self) -> JetStreamManager:
        return self

    async def _init_async_reply(self) -> None:
        # Acknowledgements may come after the end of the lease that published.
        await self._shared._init_async_reply()
