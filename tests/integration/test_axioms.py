"""The facts behind the codemod's axioms, checked with nats-py on a real server."""

from __future__ import annotations

import asyncio
import gc
import types
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import nats
import nats.errors
import pytest
from nats.aio.client import Client

from flake8_naq.migrate.prove.axioms import AXIOMS, Axiom
from naq.connection import nats_connection, nats_jetstream, nats_kv_store
from naq.server import NatsServer, run_nats_server
from tests.unit.migrate.test_axioms_page import pair

HELPERS = Path(__file__).parents[2] / "docs" / "phases" / "scheduler" / "before" / "connection.py"
# The close of upstream's helpers, which takes a URL or nothing: it closes what the pool holds.
POOLED = """
pool = []
connect = get_nats_connection

async def get_nats_connection(url):
    pool.append(await connect(url))
    return pool[-1]

async def close_nats_connection(nc=None):
    while pool:
        await pool.pop().close()
"""


# A cancelled close and a failed connect leave their sockets to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """Let no other test see what one of these leaves behind."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    with run_nats_server() as running:
        yield running


@pytest.fixture
async def orders(server: NatsServer) -> None:
    async with await nats.connect(server.url) as nc:
        await nc.jetstream().create_key_value(bucket="orders")


async def closed(server: NatsServer, expected: int = 0) -> bool:
    """Whether the server soon has no more connections than expected."""
    for _ in range(1000):
        if server.open_connections <= expected:
            return True
        await asyncio.sleep(0.005)
    return False


def work(text: str) -> Callable[[str], Awaitable[Any]]:
    """The function of an example, with the names that it uses."""
    module = types.ModuleType("example")
    exec(HELPERS.read_text() + POOLED, module.__dict__)
    exec(
        "import asyncio, nats\nfrom nats.aio.client import Client as NATS\n"
        "from naq.connection import nats_connection, nats_jetstream, nats_kv_store\n" + text,
        module.__dict__,
    )
    found: Callable[[str], Awaitable[Any]] = module.__dict__["work"]
    return found


async def heard(server: NatsServer, text: str) -> list[bytes]:
    """What an example publishes, and what it puts."""
    messages: list[bytes] = []
    first = asyncio.Event()

    async def hear(message: Any) -> None:
        messages.append(message.data)
        first.set()

    async with await nats.connect(server.url) as nc:
        await nc.subscribe("orders", cb=hear)
        await nc.subscribe("$KV.orders.*", cb=hear)
        await nc.flush()
        await nc.flush()  # the first ping may overtake the subscriptions
        await work(text)(server.url)
        await asyncio.wait_for(first.wait(), 5)
        return messages


@pytest.mark.usefixtures("orders")
@pytest.mark.parametrize("axiom", AXIOMS, ids=lambda axiom: axiom.name)
async def test_both_functions_of_its_pair_do_the_same(server: NatsServer, axiom: Axiom) -> None:
    before, after = pair(axiom)
    assert await heard(server, before) == await heard(server, after)


async def test_making_a_client_opens_nothing(server: NatsServer) -> None:
    client = Client()
    assert server.open_connections == 0
    assert not client.is_connected


@pytest.mark.parametrize("way", ["close", "drain", "__aexit__"])
async def test_a_client_that_never_connected_cannot_close(way: str) -> None:
    with pytest.raises(AssertionError, match="connect must be called first"):
        await getattr(Client(), way)()


async def test_a_client_enters_as_itself_and_swallows_nothing(server: NatsServer) -> None:
    client = await nats.connect(server.url)
    assert await client.__aenter__() is client
    with pytest.raises(ValueError, match="body"):
        async with client:
            raise ValueError("body")
    assert client.is_closed
    assert await closed(server)


async def test_the_end_of_a_block_calls_the_callbacks_as_a_close_does(server: NatsServer) -> None:
    calls: list[str] = []

    async def disconnected() -> None:
        calls.append("disconnected")

    async def ended() -> None:
        calls.append("closed")

    nc = await nats.connect(server.url, disconnected_cb=disconnected, closed_cb=ended)
    await nc.close()
    async with await nats.connect(server.url, disconnected_cb=disconnected, closed_cb=ended):
        pass
    assert calls == ["disconnected", "closed"] * 2


async def test_a_close_after_a_close_or_a_drain_does_nothing(server: NatsServer) -> None:
    calls: list[str] = []

    async def ended() -> None:
        calls.append("closed")

    async with await nats.connect(server.url, closed_cb=ended) as nc:
        await nc.close()
        await nc.close()
    async with await nats.connect(server.url, closed_cb=ended) as nc:
        await nc.drain()
        await nc.close()
    assert calls == ["closed", "closed"]


async def test_a_drain_after_a_close_is_an_error(server: NatsServer) -> None:
    nc = await nats.connect(server.url)
    await nc.close()
    with pytest.raises(nats.errors.ConnectionClosedError):
        await nc.drain()


async def test_the_end_of_a_block_closes_what_a_failed_drain_left_open() -> None:
    with run_nats_server() as server:
        lost = asyncio.Event()

        async def disconnected() -> None:
            lost.set()

        async with await nats.connect(server.url, disconnected_cb=disconnected) as nc:
            server.stop()
            await asyncio.wait_for(lost.wait(), 5)
            with pytest.raises(nats.errors.ConnectionReconnectingError):
                await nc.drain()
            assert not nc.is_closed
        assert nc.is_closed


async def test_an_exception_leaves_no_connection_behind(server: NatsServer) -> None:
    with pytest.raises(ValueError, match="body"):
        async with await nats.connect(server.url):
            raise ValueError("body")
    assert await closed(server)


async def test_two_connections_close_in_any_order(server: NatsServer) -> None:
    for order in ([0, 1], [1, 0]):
        both = [await nats.connect(server.url), await nats.connect(server.url)]
        for client in both:
            await client.publish("orders", b"1")
        for index in order:
            await both[index].close()
        assert all(client.is_closed for client in both)
    assert await closed(server)


async def test_a_client_is_closed_although_its_close_was_cancelled(server: NatsServer) -> None:
    nc = await nats.connect(server.url)
    closing = asyncio.create_task(nc.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert nc.is_closed
    await nc.close()


async def test_without_a_callback_a_close_raises_nothing_when_the_server_is_gone() -> None:
    with run_nats_server() as server:
        nc = await nats.connect(server.url)
        server.kill()
        await nc.publish("orders", b"1")
        await nc.close()
        assert nc.is_closed


async def test_a_failed_connect_raises_its_own_error_in_a_block() -> None:
    before, after = pair(next(axiom for axiom in AXIOMS if axiom.name == "never-bound"))
    nobody = "nats://127.0.0.1:1"
    options = "(url, max_reconnect_attempts=1, reconnect_time_wait=0, allow_reconnect=False)"
    with pytest.raises(UnboundLocalError):
        await work(before.replace("connect(url)", f"connect{options}"))(nobody)
    with pytest.raises((OSError, nats.errors.NoServersError)):
        await work(after.replace("connect(url)", f"connect{options}"))(nobody)


@pytest.mark.usefixtures("orders")
async def test_a_shared_lease_closes_nothing_and_one_of_its_own_closes(server: NatsServer) -> None:
    async with nats_connection(server.url) as outer:
        for manager in (nats_connection(server.url), nats_jetstream(server.url)):
            async with manager:
                pass
        async with nats_kv_store("orders", server.url) as kv:
            await kv.put("1", b"new")
        await outer.flush()
        shared = server.open_connections
        async with nats_connection(server.url, exclusive=True):
            assert server.open_connections == shared + 1
        assert await closed(server, shared)
