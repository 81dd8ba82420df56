import nats


async def lock(url, gate):
    await gate.acquire()
    nc = None
    try:
        nc = await nats.connect(url)
        await nc.publish("a", b"1")
    finally:
        gate.release()
        if nc:
            await nc.close()


async def drain(url, task):
    nc = None
    try:
        nc = await nats.connect(url)
        await nc.publish("a", b"1")
    finally:
        task.cancel()
        if nc:
            await nc.drain()


async def after(url, gate):
    try:
        async with await nats.connect(url) as nc:
            await nc.publish("a", b"1")
    finally:
        gate.release()


async def drain_first(url, gate):
    nc = None
    try:
        nc = await nats.connect(url)
        await nc.publish("a", b"1")
    finally:
        if nc:
            await nc.drain()
        gate.release()
