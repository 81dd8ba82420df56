"""nats-py's client, changed where a shared connection needs other behaviour or lower cost."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Any, Final

import nats.errors
from nats.aio.client import DEFAULT_PENDING_SIZE, PING_PROTO, Client
from nats.aio.msg import Msg

from naq.connection.nats_py.subscription import open_inbox, straight_handler

_tokens = map(str, count())

_VISIBLE: Final = bytes(range(ord("!"), ord("~") + 1))
_BETWEEN_PUB: Final = b"   \r\n"
_BETWEEN_HPUB: Final = b"    \r\n\r\n"
"""What is left of a command without its visible characters, if no subject or header has others."""

_HEADERS_BEGIN: Final = "NATS/1.0\r\n"
_HEADER: Final = re.compile(r"([!-9;-~]+): ?([!-~]+)")

# Not `is_connected`: it is false after a lease's end, when there may still be bytes to write.
_WRITES: Final = frozenset({Client.CONNECTED, Client.DRAINING_SUBS, Client.DRAINING_PUBS})

_ENOUGH_UNDER_WAY: Final = 65536
"""Bytes in asyncio's write buffer above which the flusher, which waits for room, has to write."""


def _is_open(transport: asyncio.WriteTransport) -> bool:
    """Whether a transport has its socket; asyncio's fail when they are aborted after their end."""
    socket = transport.get_extra_info("socket")
    return socket is None or socket.fileno() != -1


_DENIED: Final = re.compile(r'permissions violation for publish to "([^"]+)"', re.IGNORECASE)


class PermissionDeniedError(nats.errors.AuthorizationError):
    """The server does not permit this user to publish to a subject.

    Args:
        subject: the subject.
    """

    def __init__(self, subject: str) -> None:
        super().__init__(subject)
        self.subject = subject

    def __str__(self) -> str:
        return f"the server does not permit this user to publish to {self.subject}"


def _expire(answer: asyncio.Future[Msg]) -> None:
    if not answer.done():
        answer.set_exception(nats.errors.TimeoutError())


def size_of_headers(headers: Mapping[str, str]) -> int:
    """Return the bytes that headers take in a message, or a few more."""
    lines = sum(len(name.encode()) + len(value.encode()) + 4 for name, value in headers.items())
    return len(b"NATS/1.0\r\n\r\n") + lines


def _plain_headers(raw: bytes) -> dict[str, str] | None:
    """Read headers as naq writes them; None for others, a status among them."""
    text = raw.decode("latin-1")
    if not (text.startswith(_HEADERS_BEGIN) and text.endswith("\r\n\r\n")):
        return None
    headers = {}
    for line in text[len(_HEADERS_BEGIN) : -4].split("\r\n"):
        match = _HEADER.fullmatch(line)
        if match is None:
            return None
        headers[match[1]] = match[2]
    return headers


@contextmanager
def denials(conn: Client, handle: Callable[[str], None]) -> Iterator[None]:
    """Have a function called with each subject, case-folded, that the user may not publish to."""
    if not isinstance(conn, NaqClient):
        yield  # nats-py's own reports them to its error callback only
        return
    conn._denial_handlers = (*conn._denial_handlers, handle)
    try:
        yield
    finally:
        others = (each for each in conn._denial_handlers if each is not handle)
        conn._denial_handlers = tuple(others)


class NaqClient(Client):
    """A client that fails at once in an outage, survives a cancelled flush, and can be dropped."""

    tls_required = False
    _reply_prefix = ""
    _write_is_due = False
    _denial_handlers: tuple[Callable[[str], None], ...] = ()

    def _connect_command(self) -> bytes:
        # nats-py leaves the choice of TLS to the server, and sends credentials either way.
        writer = getattr(self._transport, "_io_writer", None)
        if self.tls_required and writer and writer.get_extra_info("ssl_object") is None:
            raise nats.errors.SecureConnWantedError
        return super()._connect_command()

    async def _process_op_err(self, e: Exception) -> None:
        # While there is no connection, nats-py would keep what is published, and send it long
        # after the publishers got an error. Without room it raises at once.
        self._max_pending_size = 0
        await super()._process_op_err(e)

    async def force_reconnect(self) -> None:
        """Leave this server for another one."""
        self._max_pending_size = 0
        await super().force_reconnect()

    def buffer_again(self) -> None:
        """Wait at full buffers again, after an outage."""
        self._max_pending_size = DEFAULT_PENDING_SIZE

    @property
    def is_up(self) -> bool:
        """Whether the connection stands, whatever the state of a view on it."""
        return self._status == Client.CONNECTED

    @property
    def is_down(self) -> bool:
        """Whether the connection was closed, whatever the state of a view on it."""
        return self._status == Client.CLOSED

    @property
    def was_greeted(self) -> bool:
        """Whether the server has sent its greeting."""
        return bool(self._server_info)

    def add_servers(self, servers: list[str]) -> None:
        """Add servers to reconnect to."""
        self._setup_server_pool(servers)

    async def open_reply_inbox(self) -> None:
        """Subscribe to the replies of requests, which all views share."""
        await self._init_request_sub()

    async def _send_ping(self, future: asyncio.Future[bool] | None = None) -> None:
        if self._status not in _WRITES:
            await super()._send_ping(future)
            return
        # Behind what is to be flushed, which nats-py's own would overtake.
        self._pongs.append(future or asyncio.get_running_loop().create_future())
        self._pending.append(PING_PROTO)
        self._pending_data_size += len(PING_PROTO)
        self._write()

    async def _process_pong(self) -> None:
        # The answer to a flush that was cancelled, or came too late, would end the reading.
        if self._pongs and self._pongs[0].done():
            self._pongs[0] = asyncio.get_running_loop().create_future()
        await super()._process_pong()

    async def _process_err(self, err_msg: str) -> None:
        # nats-py lets what is denied wait until its timeout.
        denied = _DENIED.search(err_msg)
        if denied:
            subject = denied[1].casefold()
            self._deny_requests(subject)
            for handle in self._denial_handlers:
                handle(subject)
        await super()._process_err(err_msg)

    def _deny_requests(self, denied: str) -> None:
        for token, subject in list(self._asked.items()) if self._reply_prefix else ():
            if subject.casefold() == denied:
                answer = self._resp_map[token]
                if not answer.done():
                    answer.set_exception(PermissionDeniedError(subject))

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes
    ) -> None:
        # An inbox needs none of nats-py's limits and flow control, half of a message's cost.
        subscription = self._subs.get(sid)
        handle = None if subscription is None else straight_handler(subscription)
        if handle is None:
            await super()._process_msg(sid, subject, reply, data, headers)
            return
        self.stats["in_msgs"] += 1
        self.stats["in_bytes"] += len(data)
        read = None
        if headers:
            read = _plain_headers(headers) or await self._process_headers(headers)
        handle(Msg(self, subject.decode(), reply.decode(), data, read))

    async def _read_loop(self) -> None:
        await super()._read_loop()
        task = asyncio.current_task()
        if self._status == Client.CONNECTED and task is not None and not task.cancelling():
            # An exception ended the reading: without this, nobody would ever hear of it.
            await self._process_op_err(nats.errors.StaleConnectionError())

    async def _request_new_style(
        self,
        subject: str,
        payload: bytes,
        timeout: float | None = 1,
        headers: dict[str, Any] | None = None,
    ) -> Msg:
        # The same as nats-py at a third of the cost: a number identifies a request as well as a
        # random name, and a timer is enough for a timeout.
        if self.is_draining_pubs:
            raise nats.errors.ConnectionDrainingError
        if not self._reply_prefix:
            await self._init_request_sub()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Msg] = loop.create_future()
        token = next(_tokens)
        self._resp_map[token] = answer
        self._asked[token] = subject
        timer = None if timeout is None else loop.call_later(timeout, _expire, answer)
        try:
            reply = self._reply_prefix + token
            if not self._put(subject, payload, reply, headers):
                await self._publish_slowly(subject, payload, reply, headers)
            elif len(self._resp_map) > 1 or self._write_is_due:
                self._write_soon()
            else:
                self._write()  # there is nothing to wait for
            return await answer
        finally:
            if timer is not None:
                timer.cancel()
            self._resp_map.pop(token, None)
            self._asked.pop(token, None)

    async def _init_request_sub(self) -> None:
        self._resp_map: dict[str, asyncio.Future[Msg]] = {}
        self._asked: dict[str, str] = {}
        inbox, _ = await open_inbox(self, self._answered)
        self._reply_prefix = f"{inbox}."

    def _answered(self, msg: Msg) -> None:
        answer = self._resp_map.get(msg.subject[len(self._reply_prefix) :])
        if answer is not None and not answer.done():
            answer.set_result(msg)

    async def publish(
        self,
        subject: str,
        payload: bytes = b"",
        reply: str = "",
        headers: dict[str, str] | None = None,
    ) -> None:
        """Publish a message.

        Raises:
            nats.errors.MaxPayloadError: payload and headers are larger than the server takes.
        """
        if self._put(subject, payload, reply, headers):
            self._write_soon()
        else:
            await self._publish_slowly(subject, payload, reply, headers)

    async def _publish_slowly(
        self, subject: str, payload: bytes, reply: str, headers: dict[str, str] | None
    ) -> None:
        # nats-py leaves the headers out of the size. The server does not, and ends the connection.
        if headers and len(payload) + size_of_headers(headers) > self._max_payload:
            raise nats.errors.MaxPayloadError
        await super().publish(subject, payload, reply, headers)

    def _put(
        self, subject: str, payload: bytes, reply: str, headers: dict[str, str] | None
    ) -> bool:
        """Put a message among those to be written, or leave to nats-py what needs a closer look."""
        size = len(payload)
        if (
            self._status != Client.CONNECTED
            or self.is_closed
            or size > self._max_payload
            or self._pending_data_size + size > self._max_pending_size
            or not subject
        ):
            return False
        if headers is None:
            head, between = f"PUB {subject} {reply} {size}\r\n", _BETWEEN_PUB
        else:
            lines = _HEADERS_BEGIN
            for name, value in headers.items():
                if not name or not value or ":" in name:
                    return False
                lines += name + ": " + value + "\r\n"  # nats-py's names are of an enumeration
            length = len(lines) + 2
            if length + size > self._max_payload:
                return False
            head = f"HPUB {subject} {reply} {length} {length + size}\r\n{lines}\r\n"
            between = _BETWEEN_HPUB + b" \r\n" * len(headers) + b"\r\n"
        command = head.encode(errors="surrogatepass")
        if command.translate(None, _VISIBLE) != between:
            return False  # a space or a line break in a name, or what is not ASCII
        command += payload + b"\r\n"
        self._pending.append(command)
        self._pending_data_size += len(command)
        self.stats["out_msgs"] += 1
        self.stats["out_bytes"] += size
        return True

    async def _flush_pending(self, force_flush: bool = False) -> Any:
        if force_flush or self._status != Client.CONNECTED:
            return await super()._flush_pending(force_flush)
        self._write_soon()
        return None

    def _write_soon(self) -> None:
        """Write in the next turn of the loop, together with what else is published until then.

        nats-py wakes a task for that, with a future for each time.
        """
        if not self._write_is_due:
            self._write_is_due = True
            asyncio.get_running_loop().call_soon(self._write)

    def _write(self) -> None:
        self._write_is_due = False
        if not self._pending or self._status not in _WRITES:
            return
        assert self._transport
        assert self._flush_queue
        writer = getattr(self._transport, "_io_writer", None)
        if (
            writer is not None
            and not writer.transport.is_closing()
            and writer.transport.get_write_buffer_size() < _ENOUGH_UNDER_WAY
        ):
            pending, self._pending = self._pending, []
            self._pending_data_size = 0
            # Not `writelines`, which in early releases of Python 3.12 and 3.13 holds nobody up.
            self._transport.write(b"".join(pending))
        elif self._flush_queue.empty():
            # nats-py's flusher waits for room, and deals with a connection that is lost.
            self._flush_queue.put_nowait(asyncio.get_running_loop().create_future())

    def abandon(self) -> None:
        """Drop the connection at once, without a message to the server. Idempotent.

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
        if writer is not None and _is_open(writer.transport):
            writer.transport.abort()

    def drop_socket(self) -> None:
        """Close the socket without a loop, which has ended or is the parent process's."""
        writer = getattr(self._transport, "_io_writer", None)
        if writer is not None:
            # What asyncio hands out has no close. uvloop's has no socket: it closes its own.
            socket = getattr(writer.get_extra_info("socket"), "_sock", None)
            if socket is not None:
                socket.close()
