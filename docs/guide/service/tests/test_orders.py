"""One connection for the tests of a module, opened and closed by a fixture."""

import os

import nats
import pytest_asyncio
from service.orders import Orders

URL = os.environ.get("NAQ_SERVERS", "nats://127.0.0.1:4222")


@pytest_asyncio.fixture
async def nc():
    async with await nats.connect(URL) as client:
        await client.jetstream().create_key_value(bucket="orders")
        yield client
        await client.jetstream().delete_key_value("orders")


@pytest_asyncio.fixture
async def orders(nc):
    return Orders(nc)


async def test_an_order_is_found_again(orders):
    await orders.place("7", "apples")
    assert await orders.find("7") == "apples"


async def test_a_missing_order_is_none(orders):
    assert await orders.find("8") is None
