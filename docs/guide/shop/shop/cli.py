"""Prints orders as they are confirmed."""

import asyncio

import nats


async def announce(text: str) -> None:
    nc = await nats.connect("nats://127.0.0.1:4222")
    try:
        await nc.publish("shop.news", text.encode())
    finally:
        await nc.close()


async def follow(seconds: float) -> None:
    nc = await nats.connect("nats://127.0.0.1:4222")

    async def show(message):
        print(message.subject)

    await nc.subscribe("orders.*", cb=show)
    await asyncio.sleep(seconds)
    await nc.drain()
