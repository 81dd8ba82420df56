import nats


async def two_one_name(url):
    nc = await nats.connect(url)
    await nc.publish("a", b"")
    await nc.close()
    nc = await nats.connect(url)
    await nc.close()


async def none_cuts(url):
    nc = await nats.connect(url)
    await nc.publish("a", b"")
    await nc.close()
    nc = None
    try:
        nc = await nats.connect(url)
        await nc.publish("b", b"")
    finally:
        if nc:
            await nc.close()


async def none_after(url):
    nc = await nats.connect(url)
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
    try:
        nc = await nats.connect(url)
        await nc.publish("b", b"")
    finally:
        if nc:
            await nc.close()
