import nats


async def early_in_with(url, lock, bad):
    async with await nats.connect(url) as nc:
        async with lock:
            if bad:
                await nc.close()
                raise ValueError("x")
            await nc.publish("a", b"1")


async def early_in_try(url, bad, log):
    async with await nats.connect(url) as nc:
        try:
            if bad:
                await nc.close()
                raise ValueError("x")
            await nc.publish("a", b"1")
        except ValueError:
            await log("v")
            raise


async def asks(url, bad):
    async with await nats.connect(url) as nc:
        if bad:
            await nc.close()
            raise ValueError(f"{nc.is_closed}")
        await nc.publish("a", b"1")


async def callback(url, bad):
    done = False

    async def closed():
        nonlocal done
        done = True

    async with await nats.connect(url, closed_cb=closed) as nc:
        if bad:
            await nc.close()
            return done
        await nc.publish("a", b"1")


async def fine(url, bad):
    async with await nats.connect(url) as nc:
        if bad:
            raise ValueError("x")
        entry = await nc.request("a", b"1")
        if entry.data == b"":
            return entry
    return None
