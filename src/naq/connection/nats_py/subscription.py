"""A subscription that handles each message as it is read."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

logger = logging.getLogger("naq.connection")


class _Straight(asyncio.Queue[Msg]):
    """A subscription's queue that hands each message to a function instead of keeping it."""

    def __init__(self, handle: Callable[[Msg], None]) -> None:
        super().__init__()
        self._handle = handle

    def put_nowait(self, msg: Msg) -> None:
        try:
            self._handle(msg)
        except Exception:
            logger.exception("a message on %s", msg.subject)


def straight_handler(subscription: Subscription) -> Callable[[Msg], None] | None:
    """Return what takes the messages of an inbox; None for another subscription."""
    queue = subscription._pending_queue
    return queue.put_nowait if type(queue) is _Straight else None


async def open_inbox(conn: Client, handle: Callable[[Msg], None]) -> tuple[str, Subscription]:
    """Subscribe to ``<inbox>.*`` for a new inbox.

    nats-py has a queue and a task between the socket and a handler. For a plain function they
    would cost more than the reading, and are left out.

    Args:
        conn: the connection.
        handle: takes each message; it must not block.

    Returns:
        The inbox, and the subscription, which the caller ends.
    """
    inbox = conn.new_inbox()
    subscription: Any = await conn.subscribe(f"{inbox}.*", pending_bytes_limit=0)
    # Nobody knows the inbox yet, so nothing has arrived on it.
    subscription._pending_queue = _Straight(handle)
    return inbox, subscription
