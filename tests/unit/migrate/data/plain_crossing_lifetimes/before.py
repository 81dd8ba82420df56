import nats


async def echo(url: str) -> None:
    first = await nats.connect(url)
    second = await nats.connect(url)
    await first.subscribe("a", cb=print)
    await second.publish("a", b"1")
    await first.close()
    assert first.is_closed
    await second.flush()
    await second.close()


async def in_the_order_of_opening(url: str) -> None:
    first = await nats.connect(url)
    second = await nats.connect(url)
    await first.publish("a", b"1")
    await second.publish("a", b"2")
    await first.close()
    await second.close()


async def one_after_the_other(url: str) -> None:
    nc = await nats.connect(url)
    await nc.publish("a", b"1")
    await nc.close()
    nc = await nats.connect(url)
    await nc.publish("a", b"2")
    await nc.close()
