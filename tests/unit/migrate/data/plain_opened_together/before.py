import asyncio

import nats


async def gathered(url: str) -> None:
    clients = await asyncio.gather(*(nats.connect(url) for _ in range(3)))
    await clients[0].flush()


async def both(url: str) -> None:
    first, second = await asyncio.gather(nats.connect(url), nats.connect(url))
    await first.flush()
    await second.flush()
    await first.close()
    await second.close()
