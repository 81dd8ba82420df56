import asyncio
import contextlib

import nats


async def forgotten(url: str) -> None:
    nc = await nats.connect(url)
    await nc.publish("a", b"1")


async def serve(url: str, stop: asyncio.Event) -> None:
    nc = await nats.connect(url)
    await nc.subscribe("a", cb=print)
    await stop.wait()


async def start_listening(url: str) -> None:
    nc = await nats.connect(url)
    await nc.subscribe("a", cb=print)


async def closed_in_a_form_of_its_own(url: str) -> None:
    nc = await nats.connect(url)
    try:
        await nc.publish("a", b"1")
    finally:
        with contextlib.suppress(BaseException):
            await asyncio.wait_for(nc.close(), 1)


async def left_on_one_path(url: str, quick: bool) -> None:
    nc = await nats.connect(url)
    if quick:
        return
    await nc.publish("a", b"1")
    await nc.close()


async def closed_in_a_branch(url, data):
    nc = await nats.connect(url)
    if not data:
        await nc.close()
        return 0
    await nc.publish("a", data)
    return 1


async def closed_in_a_clause(url, forever):
    nc = await nats.connect(url)
    if forever is None:
        return 1
    try:
        await forever
    except KeyboardInterrupt:
        await nc.drain()
