"""The messages of a stream, the newest first, a page at a time.

They come by batched direct gets (ADR-31 of the NATS project, nats-server 2.11): these need no
consumer, which a work queue would not allow beside its worker's, and the server answers how many
messages follow. So the page that ends at a place is found in a few requests, however many messages
there are. A filter by subject would cost the server a look at each subject, which are as many as jobs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import Header
from nats.js.errors import NotFoundError

from naq.connection.nats_py.subscription import open_inbox
from naq.exceptions import NaqError

SINCE: Final = (2, 11)
"""The nats-server that answers batched direct gets."""

CHUNK: Final = 500
"""Messages of one request."""

_LARGEST: Final = 1000
"""Messages of a chunk, about."""

_TIMEOUT: Final = 5.0
_OVERHEAD: Final = 4
"""How many times more messages than asked for a chunk may have: the fewer, the more requests."""

_DELETED: Final = "KV-Operation"


class ServerTooOldError(NaqError):
    """The server is too old for what it is asked for. The message names the version it takes."""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message of a stream.

    Args:
        subject: its subject.
        sequence: its number in the stream.
        time: when the server stored it, in seconds since the epoch.
        headers: its headers.
        data: its payload.
    """

    subject: str
    sequence: int
    time: float
    headers: Mapping[str, str]
    data: bytes


class StreamReader:
    """Reads a stream backwards.

    Args:
        conn: a connection.
        js: its JetStream context.
        stream: the stream, which has to allow direct gets, as all of naq's do.

    Raises:
        ServerTooOldError: the server is older than 2.11.
    """

    def __init__(self, conn: Client, js: JetStreamContext, stream: str) -> None:
        version = conn.connected_server_version
        if (version.major, version.minor) < SINCE:
            raise ServerTooOldError(
                f"listing jobs needs nats-server 2.11 or newer; this one is {version}"
            )
        self._conn = conn
        self._js = js
        self._stream = stream

    async def newest(
        self, before: int | None = None, chunk: int = 100
    ) -> AsyncGenerator[list[StoredMessage]]:
        """Yield the messages in chunks, the newest first, until there are no more.

        Args:
            before: only those of a lower number; None begins at the end.
            chunk: how many of the first chunk, about; the next ones are larger.

        Raises:
            NaqError: the stream allows no direct gets.
            nats.errors.Error: the server does not answer.
            nats.js.errors.NotFoundError: there is no such stream.
        """
        info = await self._js.stream_info(self._stream)
        if not info.config.allow_direct:
            raise NaqError(
                f"stream {self._stream} allows no direct gets, which a list needs: update it with "
                "allow_direct, as naq sets it in the streams that it creates"
            )
        state = info.state
        first = max(state.first_seq, 1)
        end = state.last_seq + 1 if before is None else min(before, state.last_seq + 1)
        while end > first:
            start, count = await self._start_of(first, end, chunk, is_bounded=end <= state.last_seq)
            found = await self._read(start, count, end) if count else []
            if found:
                yield found[::-1]
            end = start
            chunk = min(2 * chunk, _LARGEST)  # who goes on looks for something rare

    async def since(self, start: datetime) -> AsyncGenerator[list[StoredMessage]]:
        """Yield the messages from a time on in chunks, the oldest first.

        Args:
            start: the time, with a zone.

        Raises:
            nats.errors.Error: the server does not answer.
        """
        request: dict[str, Any] = {"start_time": start.isoformat(), "batch": CHUNK}
        while found := list(map(_stored, await self._get(request))):
            yield found
            request = {"seq": found[-1].sequence + 1, "batch": CHUNK}

    async def count_since(self, start: datetime, subject: str) -> int:
        """Return how many messages of a subject were stored from a time on.

        Args:
            start: the time, with a zone.
            subject: the subject, of which the stream has to have few.

        Raises:
            nats.errors.Error: the server does not answer.
        """
        request = {"start_time": start.isoformat(), "batch": 1, "next_by_subj": subject}
        found = await self._get(request)
        return _following(found[0]) + 1 if found else 0

    async def oldest(self) -> float | None:
        """Return when the oldest message was stored, in seconds since the epoch; None without any."""
        try:
            state = (await self._js.stream_info(self._stream)).state
        except NotFoundError:
            return None
        if not state.messages:
            return None
        found = await self._get({"seq": max(state.first_seq, 1), "batch": 1})
        return _stored(found[0]).time if found else None

    def of(self, stream: str) -> StreamReader:
        """Return the reader of another stream."""
        return StreamReader(self._conn, self._js, stream)

    async def last(self, subjects: Sequence[str]) -> dict[str, StoredMessage]:
        """Return the last message of each subject that has one."""
        found: list[StoredMessage] = []
        for start in range(0, len(subjects), CHUNK):
            request = {"multi_last": list(subjects[start : start + CHUNK])}
            found += map(_stored, await self._get(request))
        return {each.subject: each for each in found if _DELETED not in each.headers}

    async def _start_of(
        self, first: int, end: int, wanted: int, *, is_bounded: bool
    ) -> tuple[int, int]:
        """Return where a chunk begins that ends before a place, and how many messages it has."""
        after = await self._count_from(end) if is_bounded else 0
        low, high = first, end
        step = wanted
        start = max(end - step, first)
        while True:
            count = await self._count_from(start) - after
            if count > wanted * _OVERHEAD and start + 1 < high:
                low = start
                start = (low + high) // 2
            elif count >= wanted or start <= low:
                return start, count
            else:
                high = start
                step *= _OVERHEAD
                start = max(start - step, (low + high) // 2 if low > first else first)

    async def _count_from(self, sequence: int) -> int:
        messages = await self._get({"seq": sequence, "batch": 1})
        return _following(messages[0]) + 1 if messages else 0

    async def _read(self, start: int, count: int, end: int) -> list[StoredMessage]:
        found: list[StoredMessage] = []
        while count > 0 and start < end:
            messages = await self._get({"seq": start, "batch": min(count, CHUNK)})
            if not messages:
                break
            found += [each for each in map(_stored, messages) if each.sequence < end]
            start = int((messages[-1].headers or {})["Nats-Sequence"]) + 1
            count -= len(messages)
        return [each for each in found if _DELETED not in each.headers]

    async def _get(self, request: dict[str, Any]) -> list[Msg]:
        """Return the messages of one request, in their order."""
        messages: list[Msg] = []
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def received(msg: Msg) -> None:
            if (msg.headers or {}).get(Header.STATUS) is None:
                messages.append(msg)
            elif not ended.done():
                ended.set_result(None)

        inbox, subscription = await open_inbox(self._conn, received)
        try:
            await self._conn.publish(
                f"$JS.API.DIRECT.GET.{self._stream}",
                orjson.dumps(request),
                f"{inbox}.get",
            )
            async with asyncio.timeout(_TIMEOUT):
                await ended
        finally:
            await subscription.unsubscribe()
        return messages


def _following(msg: Msg) -> int:
    """Return how many messages follow one, as the server writes beside it."""
    return int((msg.headers or {})["Nats-Num-Pending"])


def _stored(msg: Msg) -> StoredMessage:
    headers = msg.headers or {}
    return StoredMessage(
        headers["Nats-Subject"],
        int(headers["Nats-Sequence"]),
        datetime.fromisoformat(headers["Nats-Time-Stamp"]).timestamp(),
        headers,
        msg.data,
    )
