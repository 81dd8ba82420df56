import nats


async def a(url):
    try:
        async with await nats.connect(url,
                                      name="x",
                                      connect_timeout=2) as nc:
            try:
                js = nc.jetstream()
                await js.publish("s", b"")
                return 1
            finally:
                # give it back
                if nc is not None:
                    try:
                        await nc.drain()          # or close()
                    except Exception:
                        pass
    except Exception:
        return None


async def b(url):
    try:
        async with await nats.connect(url) as nc:
            await nc.publish("s", b"")
            # give it back
    except ValueError:
        return None


async def get_nats_connection():
    return await nats.connect()


async def c():
    async with await get_nats_connection() as nc:
        await nc.publish("s", b"")


async def two(url):
    nc = await nats.connect(url)
    return nc, nc.jetstream()


async def d(url):
    nc, js = await two(url)
    async with nc:
        await js.publish("s", b"")
