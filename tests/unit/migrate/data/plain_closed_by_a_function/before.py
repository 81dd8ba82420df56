import asyncio

import nats
from nats.aio.client import Client


async def start(url: str) -> None:
    nc = await nats.connect(url)
    asyncio.create_task(use(nc))


async def use(nc: Client) -> None:
    await nc.publish("a", b"1")
    await nc.close()
