"""The helpers of old and the context managers, side by side on one server."""

from __future__ import annotations

import nats
import nats.errors
import pytest

from naq.buckets import ensure_buckets
from naq.config import Config
from naq.connection import (
    close_nats_connection,
    get_jetstream_context,
    get_nats_connection,
    nats_connection,
    nats_kv_store,
)
from naq.connection.pool import current_pool
from naq.exceptions import NaqConnectionError
from naq.server import NatsServer

pytestmark = pytest.mark.filterwarnings("ignore:.*_(connection|context) is deprecated")


async def test_each_helper_of_old_warns_and_names_its_successor(nats_server: NatsServer) -> None:
    with pytest.warns(DeprecationWarning, match="async with nats_connection") as caught:
        conn = await get_nats_connection(nats_server.url)
    assert caught[0].filename == __file__
    with pytest.warns(DeprecationWarning, match="async with nats_jetstream"):
        await get_jetstream_context(conn)
    with pytest.warns(DeprecationWarning, match="async with nats_connection"):
        await close_nats_connection(conn)


async def test_the_old_way_still_works(nats_server: NatsServer) -> None:
    await ensure_buckets(nats_server.url, ("colours",))
    nc = await get_nats_connection(url=nats_server.url)
    try:
        js = await get_jetstream_context(nc)
        kv = await js.key_value("colours")
        await kv.put("sky", b"blue")
    finally:
        await close_nats_connection(nc)
    assert nc.is_closed
    async with nats_kv_store("colours", nats_server.url) as kv:
        assert (await kv.get("sky")).value == b"blue"


async def test_old_and_new_share_one_connection(nats_server: NatsServer) -> None:
    nc = await get_nats_connection(nats_server.url)
    async with nats_connection(nats_server.url) as conn:
        await conn.flush()
    await close_nats_connection(nc)
    assert nats_server.monitor("varz")["total_connections"] == 1


async def test_one_user_s_close_never_closes_another_s_connection(
    nats_server: NatsServer,
) -> None:
    one = await get_nats_connection(nats_server.url)
    other = await get_nats_connection(nats_server.url)
    await close_nats_connection(one)
    assert one.is_closed
    await other.flush()
    await close_nats_connection(other)


async def test_a_close_by_url_closes_nobody_s_connection(nats_server: NatsServer) -> None:
    nc = await get_nats_connection(nats_server.url)
    await close_nats_connection(nats_server.url)
    await close_nats_connection()
    await nc.flush()
    await nc.close()


async def test_a_client_of_one_s_own_is_closed(nats_server: NatsServer) -> None:
    nc = await nats.connect(nats_server.url)
    await close_nats_connection(nc)
    assert nc.is_closed


async def test_a_second_close_gives_back_nothing_more(nats_server: NatsServer) -> None:
    config = Config(servers=(nats_server.url,))
    async with nats_connection(config):
        nc = await get_nats_connection(config)
        await close_nats_connection(nc)
        await close_nats_connection(nc)
        await nc.close()
        assert [shared.leases for shared in current_pool().connections.values()] == [1]


async def test_old_except_clauses_still_catch() -> None:
    with pytest.raises(nats.errors.NoServersError) as caught:
        await get_nats_connection("nats://127.0.0.1:1")
    assert isinstance(caught.value, NaqConnectionError)
