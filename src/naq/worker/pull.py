"""Pulling jobs from a queue's consumer, with the next request always under way.

nats-py's ``fetch`` asks, waits for the whole batch, and asks again: a worker that uses it stands
still in between, and a restart of the server leaves it waiting out its timeout. Here messages go
to a callback as they come, and a new request is sent when half of the last one is used up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import nats.errors
import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import Header

from naq.connection.inbox import Inbox

EXPIRES: Final = 30.0
"""Seconds for which a request for messages stands at the server."""

HEARTBEAT: Final = 5.0
"""Seconds after which the server confirms that a request is still open."""


class Puller(Inbox):
    """A standing request for the messages of a consumer.

    At the end the inbox goes, and without interest in it the server drops the request.

    Args:
        conn: the connection, for as long as the puller is entered.
        stream: the stream's name.
        consumer: the consumer's name.
        deliver: takes each message; it must not block.
        room: returns how many messages the puller may request now.
    """

    def __init__(
        self,
        conn: Client,
        stream: str,
        consumer: str,
        deliver: Callable[[Msg], None],
        room: Callable[[], int],
    ) -> None:
        super().__init__(conn)
        self.consumer = consumer
        self._request = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._deliver = deliver
        self._room = room
        self._asked = 0
        self._turn = 0
        self._heard_at = 0.0
        self._none_stands = asyncio.Event()
        self._none_stands.set()
        self.consumer_lost = False

    @property
    def stands(self) -> bool:
        """Whether a request stands, so what comes for it is delivered at once."""
        return self._asked > 0

    def wants(self) -> bool:
        """Whether it is worth it to ask for more: the last request is half used up."""
        wanted = self._room() - self._asked
        return wanted > 0 and wanted >= self._asked

    async def ask(self) -> None:
        """Ask for as many messages as there is room for, unless enough are under way."""
        if not self.wants():
            return
        wanted = self._room() - self._asked
        request = {
            "batch": wanted,
            "expires": int(EXPIRES * 1e9),
            "idle_heartbeat": int(HEARTBEAT * 1e9),
        }
        self._asked += wanted
        if not self._heard_at:
            self._heard_at = self._loop.time()
        try:
            await self._conn.publish(
                self._request, orjson.dumps(request), reply=f"{self._inbox}.{self._turn}"
            )
        except nats.errors.OutboundBufferLimitError:
            self._asked -= wanted  # no connection: asked again by `look_after`

    async def look_after(self, *, reconnected: bool) -> None:
        """Repeat the request when none stands any longer. Call it now and then.

        ``consumer_lost`` is set when the consumer, or its server, reports trouble.

        Args:
            reconnected: whether the connection was lost since the last call.
        """
        silent = self._asked and self._loop.time() - self._heard_at > 2 * HEARTBEAT + 1
        if reconnected or silent:
            self._turn += 1  # answers to the requests that are given up no longer count
            self._asked = 0
            self._heard_at = self._loop.time()
        self.consumer_lost = False
        await self.ask()

    async def _look_on(self) -> None:
        while True:
            await self._none_stands.wait()
            self._none_stands.clear()
            with suppress(nats.errors.Error):  # without a connection `look_after` asks later
                await self.ask()

    def _received(self, msg: Msg) -> None:
        self._heard_at = self._loop.time()
        status = msg.headers.get(Header.STATUS) if msg.headers and not msg.data else None
        if status is None:
            if self._asked:
                self._asked -= 1
            self._deliver(msg)
            if not self._asked:
                self._none_stands.set()
        elif status != "100" and msg.subject.endswith(f".{self._turn}"):
            # A request has ended: expired (408), or its consumer or server is in trouble.
            left = (msg.headers or {}).get("Nats-Pending-Messages")
            self._asked = max(self._asked - int(left), 0) if left else 0
            if status == "408":
                self._none_stands.set()
            else:
                self.consumer_lost = True  # asked again by `look_after`
