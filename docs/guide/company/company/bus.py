"""The company's connections."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats
from nats.aio.client import Client


async def open_bus(url: str, timeout: float = 5) -> Client:
    return await nats.connect(url, name="orders", connect_timeout=timeout)


async def close_bus(bus: Client) -> None:
    await bus.flush()
    await bus.close()


@asynccontextmanager
async def bus_session(url: str, connect_timeout: float) -> AsyncIterator[Client]:
    bus = await open_bus(url, connect_timeout)
    try:
        yield bus
    finally:
        await close_bus(bus)
