import sys

import nats
from nats.aio.client import Client as NATS


async def request(url: str) -> bytes:
    nc = NATS()

    try:
        await nc.connect(url)
        print("connected")
    except Exception as error:
        print(f"not connected: {error}")
        sys.exit(1)
    async with nc:
        answer = await nc.request("echo", b"1")
        return answer.data


async def probe(url: str) -> None:
    """Nothing but a connection."""
    async with await nats.connect(url):
        pass
