"""JetStream publishes whose acknowledgements are awaited together, not one by one.

nats-py's own ``publish_async`` has futures that never end by themselves when the server goes away.
Here a publish that is not acknowledged is repeated, so what is published must bear it: a message
id, or a value under a key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import nats.errors
import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import Header
from nats.js.errors import APIError, NoStreamResponseError

from naq.connection.inbox import Inbox
from naq.connection.nats_py.client import PermissionDeniedError, denials

PERIOD: Final = 0.25
"""Seconds between two looks at what is still unacknowledged."""


class _Call:
    """Takes an answer like a future, and hands it on without a turn of the event loop."""

    __slots__ = ("set_exception",)

    def __init__(self, answered: Callable[[Exception | None], None]) -> None:
        self.set_exception = answered

    def set_result(self, _is_new: bool) -> None:
        self.set_exception(None)

    def done(self) -> bool:
        return False

    def cancel(self) -> None:
        pass


@dataclass(slots=True, eq=False)
class _Pending:
    subject: str
    payload: bytes
    headers: dict[str, str] | None
    future: asyncio.Future[bool] | _Call
    resend_at: float
    give_up_at: float
    no_stream: bool = False


class PublishPipeline(Inbox):
    """Publishes to streams without a wait for each acknowledgement.

    Args:
        conn: the connection, for as long as the pipeline is entered.
        timeout: seconds without an acknowledgement after which a publish is repeated.
        give_up: seconds after which it fails; None repeats for as long as the pipeline is entered.
    """

    def __init__(self, conn: Client, *, timeout: float = 2.0, give_up: float | None = None) -> None:
        super().__init__(conn)
        self._timeout = timeout
        self._give_up = float("inf") if give_up is None else give_up
        self._pending: dict[str, _Pending] = {}
        self._count = 0
        self._denials = denials(conn, self._denied)

    async def __aenter__(self) -> Self:
        self._denials.__enter__()
        return await super().__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for entry in self._pending.values():
            entry.future.cancel()
        self._pending.clear()
        self._denials.__exit__(None, None, None)
        await super().__aexit__(kind, error, traceback)

    async def publish(
        self, subject: str, payload: bytes, headers: dict[str, str] | None = None
    ) -> asyncio.Future[bool]:
        """Send a message and return the future of its acknowledgement.

        The future's result is whether the message is new; False is a duplicate of one that is
        stored. It raises nats-py's ``APIError`` when the stream refuses the message,
        ``NoStreamResponseError`` or ``TimeoutError`` when nobody acknowledged in time, and
        ``AuthorizationError`` when the server does not permit it.

        Raises:
            nats.errors.MaxPayloadError: the message is larger than the server takes.
        """
        future: asyncio.Future[bool] = self._loop.create_future()
        await self._begin(subject, payload, headers, future)
        return future

    async def send(
        self,
        subject: str,
        payload: bytes,
        headers: dict[str, str] | None,
        answered: Callable[[Exception | None], None],
    ) -> None:
        """Send a message, and have a function called once it is stored or refused.

        Args:
            subject: its subject.
            payload: its payload.
            headers: its headers.
            answered: takes the error, or None; not called once the pipeline is left.

        Raises:
            nats.errors.MaxPayloadError: the message is larger than the server takes.
        """
        await self._begin(subject, payload, headers, _Call(answered))

    async def _begin(
        self,
        subject: str,
        payload: bytes,
        headers: dict[str, str] | None,
        future: asyncio.Future[bool] | _Call,
    ) -> None:
        self._count += 1
        key = str(self._count)
        now = self._loop.time()
        entry = _Pending(
            subject, payload, headers, future, now + self._timeout, now + self._give_up
        )
        self._pending[key] = entry
        try:
            await self._send(key, entry)
        except BaseException:
            del self._pending[key]
            raise

    async def _send(self, key: str, entry: _Pending) -> None:
        reply = f"{self._inbox}.{key}"
        try:
            await self._conn.publish(entry.subject, entry.payload, reply, entry.headers)
        except nats.errors.OutboundBufferLimitError:
            entry.resend_at = 0.0  # as soon as there is a connection again

    def _received(self, msg: Msg) -> None:
        key = msg.subject[len(self._inbox) + 1 :]
        entry = self._pending.get(key)
        if entry is None:
            return
        if msg.headers and msg.headers.get(Header.STATUS) == "503":
            # No responder: an election, or a missing stream. Try again later.
            entry.no_stream = True
            return
        del self._pending[key]
        if entry.future.done():
            return
        answer = orjson.loads(msg.data)
        if "error" in answer:
            entry.future.set_exception(_api_error(answer["error"]))
        else:
            entry.future.set_result(not answer.get("duplicate", False))

    def _denied(self, subject: str) -> None:
        for key, entry in list(self._pending.items()):
            if entry.subject.casefold() == subject:
                del self._pending[key]
                if not entry.future.done():
                    entry.future.set_exception(PermissionDeniedError(entry.subject))

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(PERIOD)
            now = self._loop.time()
            for key, entry in list(self._pending.items()):
                if entry.future.done():
                    self._pending.pop(key, None)
                elif now >= entry.give_up_at:
                    self._pending.pop(key, None)
                    entry.future.set_exception(
                        NoStreamResponseError() if entry.no_stream else nats.errors.TimeoutError()
                    )
                elif now >= entry.resend_at and self._conn.is_connected:
                    entry.resend_at = now + self._timeout
                    await self._send(key, entry)


def _api_error(error: dict[str, object]) -> Exception:
    try:
        APIError.from_error(error)
    except APIError as raised:
        return raised
    return APIError(code=500, description="unknown")
