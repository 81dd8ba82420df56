"""The context managers: what a lease gives, and what it never does to another lease."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import nats.errors
import nats.js.errors
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.kv import KeyValue

from naq.buckets import ensure_buckets
from naq.config import Config
from naq.connection import (
    close_all_connections,
    jetstream_context,
    nats_connection,
    nats_jetstream,
    nats_kv_store,
)
from naq.exceptions import ConfigurationError, NaqConnectionError, NaqJetStreamError
from naq.server import NatsServer, run_nats_server

Eventually = Callable[[Callable[[], bool]], Awaitable[None]]


async def test_a_lease_is_a_connected_client(nats_server: NatsServer) -> None:
    async with nats_connection(nats_server.url) as conn:
        assert isinstance(conn, Client)
        assert conn.is_connected
        await conn.flush()


async def test_jetstream_comes_with_its_connection(nats_server: NatsServer) -> None:
    async with nats_jetstream(nats_server.url) as (conn, js):
        assert isinstance(conn, Client)
        assert isinstance(js, JetStreamContext)
        await js.add_stream(name="letters", subjects=["letters"])
        assert (await js.publish("letters", b"a")).seq == 1


async def test_a_bucket_is_bound(nats_server: NatsServer) -> None:
    await ensure_buckets(nats_server.url, ("colours",))
    async with nats_kv_store("colours", nats_server.url) as kv:
        assert isinstance(kv, KeyValue)
        await kv.put("sky", b"blue")
        assert (await kv.get("sky")).value == b"blue"


async def test_the_context_of_a_connection_is_lent(nats_server: NatsServer) -> None:
    async with nats_connection(nats_server.url) as conn, jetstream_context(conn) as js:
        assert (await js.account_info()).streams == 0


async def test_leases_share_one_connection(nats_server: NatsServer) -> None:
    async def use() -> None:
        async with nats_connection(nats_server.url) as conn:
            await conn.flush()

    await asyncio.gather(*(use() for _ in range(50)))
    await use()
    assert nats_server.monitor("varz")["total_connections"] == 1


async def test_another_configuration_has_another_connection(nats_server: NatsServer) -> None:
    for name in ("one", "two"):
        async with nats_connection(Config(servers=(nats_server.url,), name=name)) as conn:
            await conn.flush()
    assert nats_server.monitor("varz")["total_connections"] == 2


async def test_an_exclusive_connection_is_closed_at_the_end(
    nats_server: NatsServer, eventually: Eventually
) -> None:
    async with nats_connection(nats_server.url, exclusive=True) as conn:
        await conn.flush()
        assert nats_server.open_connections == 1
    assert conn.is_closed
    await eventually(lambda: nats_server.open_connections == 0)


async def test_an_exclusive_connection_is_drained_at_the_end(nats_server: NatsServer) -> None:
    seen = []

    async def slow(msg: object) -> None:
        await asyncio.sleep(0.01)
        seen.append(msg)

    async with nats_connection(nats_server.url, exclusive=True) as conn:
        await conn.subscribe("letters", cb=slow)
        for _ in range(10):
            await conn.publish("letters", b"a")
    assert len(seen) == 10


async def test_an_exclusive_bucket_works(nats_server: NatsServer) -> None:
    await ensure_buckets(nats_server.url, ("colours",))
    async with nats_kv_store("colours", nats_server.url, exclusive=True) as kv:
        assert await kv.put("sky", b"blue") == 1


async def test_closing_a_lease_leaves_the_others_alone(nats_server: NatsServer) -> None:
    async with nats_connection(nats_server.url) as one, nats_connection(nats_server.url) as other:
        await one.close()
        assert one.is_closed
        assert not other.is_closed
        await other.flush()


async def test_draining_a_lease_leaves_the_others_alone(nats_server: NatsServer) -> None:
    seen = []

    async def note(msg: object) -> None:
        await asyncio.sleep(0.01)
        seen.append(msg)

    async with nats_connection(nats_server.url) as one, nats_connection(nats_server.url) as other:
        await one.subscribe("letters", cb=note)
        for _ in range(5):
            await other.publish("letters", b"a")
        await one.drain()
        assert len(seen) == 5
        assert one.is_closed
        await other.flush()


async def test_leaving_the_client_s_own_context_closes_the_lease_only(
    nats_server: NatsServer,
) -> None:
    async with nats_connection(nats_server.url) as other:
        async with nats_connection(nats_server.url) as conn, conn:
            pass
        await other.flush()


async def test_a_handle_kept_beyond_its_lease_is_closed(nats_server: NatsServer) -> None:
    await ensure_buckets(nats_server.url, ("colours",))
    async with nats_kv_store("colours", nats_server.url) as kv:
        pass
    with pytest.raises(nats.errors.ConnectionClosedError):
        await kv.put("sky", b"blue")


async def test_a_callback_subscription_ends_with_its_lease(nats_server: NatsServer) -> None:
    seen = []

    async def note(msg: object) -> None:
        seen.append(msg)

    async with nats_connection(nats_server.url) as other:
        async with nats_connection(nats_server.url) as conn:
            await conn.subscribe("letters", cb=note)
        await other.publish("letters", b"a")
        await other.flush()
        assert seen == []
        assert nats_server.monitor("connz?subs=1")["connections"][0]["subscriptions"] == 1


async def test_acknowledgements_arrive_after_the_lease_that_published(
    nats_server: NatsServer,
) -> None:
    async with nats_jetstream(nats_server.url) as (_, js):
        await js.add_stream(name="letters", subjects=["letters"])
        acks = [await js.publish_async("letters", b"a") for _ in range(10)]
    assert [ack.seq for ack in await asyncio.gather(*acks)] == list(range(1, 11))


async def test_the_body_s_exception_passes_unchanged(nats_server: NatsServer) -> None:
    error = KeyError("mine")
    for manager in (nats_connection(nats_server.url), nats_jetstream(nats_server.url)):
        with pytest.raises(KeyError) as caught:
            async with manager:
                raise error
        assert caught.value is error
        assert caught.value.__cause__ is None


async def test_a_missing_bucket_is_nats_py_s_own_error(nats_server: NatsServer) -> None:
    with pytest.raises(nats.js.errors.BucketNotFoundError, match="colours"):
        async with nats_kv_store("colours", nats_server.url):
            pass


async def test_a_missing_server_is_named() -> None:
    with pytest.raises(NaqConnectionError, match=r"no NATS server at 127\.0\.0\.1:1: ") as caught:
        async with nats_connection("nats://user:secret@127.0.0.1:1"):
            pass
    assert isinstance(caught.value, nats.errors.NoServersError)
    assert "secret" not in str(caught.value)


async def test_a_missing_jetstream_is_named() -> None:
    with run_nats_server(jetstream=False) as server:
        with pytest.raises(NaqJetStreamError, match=f"127.0.0.1:{server.port}"):
            async with nats_kv_store("colours", server.url):
                pass
        await close_all_connections()


def test_what_is_no_configuration_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="not int"):
        nats_connection(4222)  # type: ignore[arg-type]


async def test_a_request_is_answered(nats_server: NatsServer) -> None:
    async def answer(msg: Msg) -> None:
        await msg.respond(msg.data.upper())

    async with nats_connection(nats_server.url) as conn:
        await conn.subscribe("upper", cb=answer)
        words = [f"word{number}" for number in range(50)]
        answers = await asyncio.gather(*(conn.request("upper", w.encode()) for w in words))
        assert [a.data.decode() for a in answers] == [w.upper() for w in words]
        assert (await conn.request("upper", b"a", timeout=None)).data == b"A"  # type: ignore[arg-type]


async def test_a_request_without_an_answer_ends_at_its_timeout(nats_server: NatsServer) -> None:
    async def mute(_: Msg) -> None:
        pass

    async with nats_connection(nats_server.url) as conn:
        await conn.subscribe("mute", cb=mute)
        with pytest.raises(nats.errors.TimeoutError):
            await conn.request("mute", timeout=0.05)
        with pytest.raises(nats.errors.NoRespondersError):
            await conn.request("nobody")
        assert conn._resp_map == {}


async def test_a_put_returns_and_raises_as_in_nats_py(nats_server: NatsServer) -> None:
    await ensure_buckets(nats_server.url, ("colours",))
    async with nats_kv_store("colours", nats_server.url) as kv:
        assert [await kv.put("sky", b"blue"), await kv.put("sky", b"red")] == [1, 2]
        with pytest.raises(nats.js.errors.InvalidKeyError):
            await kv.put("a key", b"")
        with pytest.raises(nats.errors.MaxPayloadError):
            await kv.put("sky", bytes(2_000_000))


async def test_a_bucket_is_asked_for_once_by_all_who_ask_together(nats_server: NatsServer) -> None:
    await ensure_buckets(nats_server.url, ("colours",))

    async def bind() -> None:
        async with nats_kv_store("colours", nats_server.url):
            pass

    before = nats_server.monitor("jsz")["api"]["total"]
    await asyncio.gather(*(bind() for _ in range(100)))
    assert nats_server.monitor("jsz")["api"]["total"] == before + 1
