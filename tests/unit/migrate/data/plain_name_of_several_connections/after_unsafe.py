import nats


async def two_one_name(url):
    async with await nats.connect(url) as nc:
        await nc.publish("a", b"")
        pass


async def none_cuts(url):
    async with await nats.connect(url) as nc:
        await nc.publish("a", b"")
    nc = None
    async with await nats.connect(url) as nc:
        await nc.publish("b", b"")


async def none_after(url):
    async with await nats.connect(url) as nc:
        try:
            await nc.publish("a", b"")
        finally:
            await nc.close()
            nc = None


async def none_cuts_2(url, ok):
    nc = await nats.connect(url)
    await nc.publish("a", b"")
    if ok:
        await nc.close()
    nc = None
    async with await nats.connect(url) as nc:
        await nc.publish("b", b"")
