import nats


async def lock(url, gate):
    await gate.acquire()
    async with await nats.connect(url) as nc:
        try:
            await nc.publish("a", b"1")
        finally:
            gate.release()
            if nc:
                await nc.close()


async def drain(url, task):
    async with await nats.connect(url) as nc:
        try:
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
    async with await nats.connect(url) as nc:
        try:
            await nc.publish("a", b"1")
        finally:
            if nc:
                await nc.drain()
            gate.release()
