import nats


async def a(url):
    nc = None
    try:
        nc = await nats.connect(url,
                                name="x",
                                connect_timeout=2)
        js = nc.jetstream()
        await js.publish("s", b"")
        return 1
    except Exception:
        return None
    finally:
        # give it back
        if nc is not None:
            try:
                await nc.drain()          # or close()
            except Exception:
                pass


async def b(url):
    nc = None
    try:
        nc = await nats.connect(url)
        await nc.publish("s", b"")
    except ValueError:
        return None
    finally:
        # give it back
        if nc:
            await nc.close()


async def get_nats_connection():
    return await nats.connect()


async def c():
    nc = await get_nats_connection()
    await nc.publish("s", b"")
    await nc.close()


async def two(url):
    nc = await nats.connect(url)
    return nc, nc.jetstream()


async def d(url):
    nc, js = await two(url)
    try:
        await js.publish("s", b"")
    finally:
        await nc.close()
