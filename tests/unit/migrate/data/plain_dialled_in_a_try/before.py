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

    try:
        answer = await nc.request("echo", b"1")
        return answer.data
    finally:
        await nc.close()


async def probe(url: str) -> None:
    """Nothing but a connection."""
    nc = await nats.connect(url)
    await nc.close()


async def test_publish(url: str) -> None:
    try:
        nc = await nats.connect(url, connect_timeout=1)
        js = nc.jetstream()
    except Exception:
        pytest.skip("no server")

    # Whatever is left of the last run.
    await js.purge_stream("orders")
    await js.publish("orders", b"1")
    await nc.close()
