import asyncio

import nats


async def alive_together(url: str, key: str) -> None:
    source = await nats.connect(url)
    target = await nats.connect(url)
    try:
        orders = await source.jetstream().key_value("orders")
        archive = await target.jetstream().key_value("archive")
        await archive.put(key, (await orders.get(key)).value)
    finally:
        await target.close()
        await source.close()


async def one_after_the_other(url: str) -> bytes:
    nc = await nats.connect(
        url,
        connect_timeout=1,  # fail fast
    )
    await nc.publish("began", b"")
    await nc.flush()
    await nc.close()
    # And once more.
    nc = await nats.connect(
        url,
        connect_timeout=1,  # here too
    )
    answer = await nc.request("echo", b"")
    await nc.close()
    return answer.data


async def time_passes_between(url: str) -> None:
    nc = await nats.connect(url)
    await nc.publish("began", b"")
    await nc.close()
    await asyncio.sleep(60)
    nc = await nats.connect(url)
    await nc.publish("ended", b"")
    await nc.close()


async def told_apart(url: str) -> bool:
    first = await nats.connect(url)
    second = await nats.connect(url)
    different = first.client_id != second.client_id
    await second.close()
    await first.close()
    return different


async def hears_itself_or_not(url: str) -> None:
    speaker = await nats.connect(url, no_echo=True)
    listener = await nats.connect(url, no_echo=True)
    subscription = await listener.subscribe("orders")
    await speaker.publish("orders", b"1")
    await subscription.next_msg()
    await listener.close()
    await speaker.close()
