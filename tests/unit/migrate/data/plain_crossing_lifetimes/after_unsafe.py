import nats


async def echo(url: str) -> None:
    async with await nats.connect(url) as first:
        async with await nats.connect(url) as second:
            await first.subscribe("a", cb=print)
            await second.publish("a", b"1")
            await first.close()
            assert first.is_closed
            await second.flush()


async def in_the_order_of_opening(url: str) -> None:
    async with await nats.connect(url) as first:
        await first.publish("a", b"1")
        await first.publish("a", b"2")


async def one_after_the_other(url: str) -> None:
    async with await nats.connect(url) as nc:
        await nc.publish("a", b"1")
        await nc.publish("a", b"2")
