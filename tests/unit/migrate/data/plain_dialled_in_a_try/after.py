import sys

import nats
import pytest
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


async def test_publish(url: str) -> None:
    try:
        nc = await nats.connect(url, connect_timeout=1)
        js = nc.jetstream()
    except Exception:
        pytest.skip("no server")

    async with nc:
        # Whatever is left of the last run.
        await js.purge_stream("orders")
        await js.publish("orders", b"1")
