"""The client's own way to publish: what it writes, and what it leaves to nats-py."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable

import nats
import nats.errors
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import DEFAULT_PENDING_SIZE, Client
from nats.js.api import Header

from naq.config import Config
from naq.connection import close_all_connections, nats_connection
from naq.connection.nats_py.client import NaqClient, _plain_headers
from naq.server import NatsServer

subjects = st.text(alphabet="ab.*>é \r\n\x7f", max_size=5)
names = st.text(alphabet="aB-: \té\r\n", max_size=4) | st.sampled_from(Header)
headers = st.none() | st.dictionaries(names, st.text(alphabet="ab: \té\r\n", max_size=4))


def without_a_socket(client: Client) -> Client:
    """Have a client keep what it would write."""
    client._status = Client.CONNECTED
    client._max_payload = 40
    client._max_pending_size = 1_000_000
    return client


@given(subjects, st.binary(max_size=45), subjects, headers)
def test_what_it_writes_is_what_nats_py_writes(
    subject: str, payload: bytes, reply: str, headers: dict[str, str] | None
) -> None:
    theirs, ours = without_a_socket(Client()), without_a_socket(NaqClient())
    try:
        asyncio.run(theirs.publish(subject, payload, reply, headers))
        refused = False
    except (nats.errors.Error, UnicodeError):
        refused = True
    written = isinstance(ours, NaqClient) and ours._put(subject, payload, reply, headers)
    assert not (refused and written)
    if written:
        assert ours._pending == theirs._pending
        assert ours._pending_data_size == theirs._pending_data_size
        assert ours.stats == theirs.stats


@given(names, st.text(alphabet="ab: \té\x7f", max_size=4))
def test_headers_are_read_as_nats_py_reads_them(name: str, value: str) -> None:
    raw = f"NATS/1.0\r\n{name}: {value}\r\n\r\n".encode()
    read = _plain_headers(raw)
    assert read is None or read == asyncio.run(Client()._process_headers(raw))


def test_the_headers_of_a_job_are_not_left_to_nats_py() -> None:
    raw = b"NATS/1.0\r\nNats-Msg-Id: 0a1b\r\nNaq-Created: 1.5\r\n\r\n"
    assert _plain_headers(raw) == {"Nats-Msg-Id": "0a1b", "Naq-Created": "1.5"}


def test_the_usual_message_is_not_left_to_nats_py() -> None:
    client = without_a_socket(NaqClient())
    client._max_payload = 1024
    assert isinstance(client, NaqClient)
    assert client._put("naq.jobs.default.a=2Eb", b"data", "_INBOX.a.1", {"Nats-Msg-Id": "a.b"})
    assert client._put("$KV.bucket.key", b"", "", None)


async def test_a_server_that_reads_nothing_holds_publishers_up_and_loses_nothing(
    nats_server: NatsServer,
) -> None:
    count, size = 400, 64_000
    async with nats_connection(Config(servers=(nats_server.url,))) as conn:
        subscription = await conn.subscribe("load", pending_bytes_limit=0)
        await conn.flush()
        os.kill(nats_server.pid, signal.SIGSTOP)

        async def publish() -> None:
            for number in range(count):
                await conn.publish("load", b"%d" % number + b" " * size)

        try:
            publishing = asyncio.create_task(publish())
            await asyncio.sleep(0.5)
            assert not publishing.done()
            assert conn.pending_data_size < DEFAULT_PENDING_SIZE + 2 * size
        finally:
            os.kill(nats_server.pid, signal.SIGCONT)
        await publishing
        numbers = [int((await subscription.next_msg(timeout=10)).data) for _ in range(count)]
    assert numbers == list(range(count))
    await close_all_connections()


async def test_an_outage_with_a_write_due_ends_the_same_way(
    nats_server: NatsServer, eventually: Callable[[Callable[[], bool]], Awaitable[None]]
) -> None:
    async with nats_connection(nats_server.url) as conn:
        await conn.publish("nobody", b"listens")
        nats_server.kill()
        await eventually(lambda: not conn.is_connected)
        with pytest.raises(nats.errors.OutboundBufferLimitError):
            await conn.publish("nobody", b"listens")
        nats_server.start()
        await eventually(lambda: conn.is_connected)
        answers = await conn.subscribe("echo")
        await conn.publish("echo", b"back")
        assert (await answers.next_msg(timeout=5)).data == b"back"
    await close_all_connections()


async def until_subscribed(reader: Client) -> None:
    """Wait until the server knows the subscriptions of nats-py's own client.

    Its flush sends the ping ahead of what is pending: only the second ping follows a subscription.
    """
    await reader.flush()
    await reader.flush()


async def test_a_flush_waits_for_what_was_published_before_it(nats_server: NatsServer) -> None:
    async with (
        await nats.connect(nats_server.url) as reader,
        nats_connection(nats_server.url) as conn,
    ):
        subscription = await reader.subscribe("news")
        await until_subscribed(reader)
        for number in range(1, 51):
            await conn.publish("news", b"")
            await conn.flush()
            await reader.flush()
            assert subscription.delivered == number
    await close_all_connections()


async def test_a_flush_waits_for_what_waits_for_room(nats_server: NatsServer) -> None:
    async with (
        await nats.connect(nats_server.url) as reader,
        nats_connection(nats_server.url) as conn,
    ):
        subscription = await reader.subscribe("news", pending_bytes_limit=0)
        await until_subscribed(reader)
        os.kill(nats_server.pid, signal.SIGSTOP)
        published = 0

        async def publish() -> None:
            nonlocal published
            while True:
                await conn.publish("news", b" " * 64_000)
                published += 1
                await asyncio.sleep(0)

        publishing = asyncio.create_task(publish())
        try:
            await asyncio.sleep(0.3)  # until nothing more has room
            before = published
            flushing = asyncio.create_task(conn.flush())
            await asyncio.sleep(0.1)
        finally:
            os.kill(nats_server.pid, signal.SIGCONT)
        await flushing
        publishing.cancel()
        await reader.flush()
        assert subscription.delivered >= before
    await close_all_connections()


async def test_what_is_published_last_is_written_after_the_lease(nats_server: NatsServer) -> None:
    async with nats_connection(nats_server.url) as reader:
        subscription = await reader.subscribe("news")
        await reader.flush()
        async with nats_connection(nats_server.url) as conn:
            await conn.publish("news", b"last")
        assert (await subscription.next_msg(timeout=2)).data == b"last"
    await close_all_connections()
