"""Inboxes: subjects for the answers to what one connection publishes."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

logger = logging.getLogger("naq.connection")


class _Straight(asyncio.Queue[Msg]):
    """What a subscription puts its messages into: each is handled as it is read."""

    def __init__(self, handle: Callable[[Msg], None]) -> None:
        super().__init__()
        self._handle = handle

    def put_nowait(self, msg: Msg) -> None:
        try:
            self._handle(msg)
        except Exception:
            logger.exception("a message on %s", msg.subject)


async def open_inbox(conn: Client, handle: Callable[[Msg], None]) -> tuple[str, Subscription]:
    """Subscribe to ``<inbox>.*`` for a new inbox.

    nats-py has a queue and a task between the socket and a handler. For a plain function they
    would cost more than the reading, and are left out.

    Args:
        conn: the connection.
        handle: takes each message; it must not block.

    Returns:
        The inbox, and the subscription, which is for the caller to end.
    """
    inbox = conn.new_inbox()
    subscription: Any = await conn.subscribe(f"{inbox}.*", pending_bytes_limit=0)
    # Nobody knows the inbox yet, so that nothing has come for it.
    subscription._pending_queue = _Straight(handle)
    return inbox, subscription


class Inbox(ABC):
    """Takes the answers to what it publishes, for as long as it is entered.

    Args:
        conn: the connection.
    """

    def __init__(self, conn: Client) -> None:
        self._conn = conn
        self._inbox = ""
        self._loop = asyncio.get_running_loop()
        self._subscription: Subscription | None = None
        self._helper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._inbox, self._subscription = await open_inbox(self._conn, self._received)
        self._helper = self._loop.create_task(self._look_on())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._helper is not None
        assert self._subscription is not None
        self._helper.cancel()
        with suppress(nats.errors.Error):  # the connection may be gone, and the inbox with it
            await self._subscription.unsubscribe()

    @abstractmethod
    def _received(self, msg: Msg) -> None:
        """Take a message of ``<inbox>.*``; it must not block."""

    @abstractmethod
    async def _look_on(self) -> None:
        """What goes on beside, in a task that is cancelled at the end."""
