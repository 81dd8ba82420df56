import asyncio

import nats


async def alive_together(url: str, key: str) -> None:
    async with await nats.connect(url) as source:
        orders = await source.jetstream().key_value("orders")
        archive = await source.jetstream().key_value("archive")
        await archive.put(key, (await orders.get(key)).value)


async def one_after_the_other(url: str) -> bytes:
    async with await nats.connect(
        url,
        connect_timeout=1,  # fail fast
    ) as nc:
        await nc.publish("began", b"")
        await nc.flush()
        # And once more.
        # here too
        answer = await nc.request("echo", b"")
    return answer.data


async def time_passes_between(url: str) -> None:
    async with await nats.connect(url) as nc:
        await nc.publish("began", b"")
    await asyncio.sleep(60)
    async with await nats.connect(url) as nc:
        await nc.publish("ended", b"")


async def told_apart(url: str) -> bool:
    async with await nats.connect(url) as first:
        async with await nats.connect(url) as second:
            different = first.client_id != second.client_id
    return different


async def hears_itself_or_not(url: str) -> None:
    async with await nats.connect(url, no_echo=True) as speaker:
        async with await nats.connect(url, no_echo=True) as listener:
            subscription = await listener.subscribe("orders")
            await speaker.publish("orders", b"1")
            await subscription.next_msg()
