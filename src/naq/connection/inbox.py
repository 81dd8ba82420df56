"""Inboxes: subjects for the answers to what one connection publishes."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from contextlib import suppress
from types import TracebackType
from typing import Self

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from naq.connection.nats_py.subscription import open_inbox


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
        """Background work, in a task that is cancelled at the end."""
