"""nats-py's client, mended where a shared connection can't bear its ways."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Any

import nats.errors
from nats.aio.client import DEFAULT_PENDING_SIZE, Client
from nats.aio.msg import Msg

_tokens = map(str, count())


def _expire(answer: asyncio.Future[Msg]) -> None:
    if not answer.done():
        answer.set_exception(nats.errors.TimeoutError())


class NaqClient(Client):
    """A client that fails at once in an outage, survives a cancelled flush, and can be dropped."""

    tls_required = False

    def _connect_command(self) -> bytes:
        # nats-py leaves the choice of TLS to the server, and sends credentials either way.
        writer = getattr(self._transport, "_io_writer", None)
        if self.tls_required and writer and writer.get_extra_info("ssl_object") is None:
            raise nats.errors.SecureConnWantedError
        return super()._connect_command()

    async def _process_op_err(self, e: Exception) -> None:
        # While there is no connection, nats-py would keep what is published, and send it long
        # after its publishers were told that they had failed. Without room it says so at once.
        self._max_pending_size = 0
        await super()._process_op_err(e)

    async def force_reconnect(self) -> None:
        """Leave this server for another one."""
        self._max_pending_size = 0
        await super().force_reconnect()

    def buffer_again(self) -> None:
        """Wait at full buffers again, after an outage."""
        self._max_pending_size = DEFAULT_PENDING_SIZE

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

    async def _request_new_style(
        self,
        subject: str,
        payload: bytes,
        timeout: float | None = 1,
        headers: dict[str, Any] | None = None,
    ) -> Msg:
        # What nats-py does at a third of the price: a number tells requests apart as well as a
        # random name does, and a timer is enough of a timeout.
        if self.is_draining_pubs:
            raise nats.errors.ConnectionDrainingError
        if not self._resp_sub_prefix:
            await self._init_request_sub()
        assert self._resp_sub_prefix
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Msg] = loop.create_future()
        token = next(_tokens)
        self._resp_map[token] = answer
        timer = None if timeout is None else loop.call_later(timeout, _expire, answer)
        try:
            reply = self._resp_sub_prefix.decode() + token
            await self.publish(subject, payload, reply=reply, headers=headers)
            return await answer
        finally:
            if timer is not None:
                timer.cancel()
            self._resp_map.pop(token, None)

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
