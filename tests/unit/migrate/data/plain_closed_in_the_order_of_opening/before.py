import nats


async def opened_before(url: str, other: str) -> None:
    a = await nats.connect(url)
    b = await nats.connect(other)
    try:
        await b.publish("x", b"")
        await a.publish("x", b"")
    finally:
        await a.close()
        await b.close()


async def opened_inside(url: str, other: str) -> None:
    a = None
    b = None
    try:
        a = await nats.connect(url)
        b = await nats.connect(other)
        await a.publish("x", b"")
    finally:
        if a:
            await a.close()
        if b:
            await b.close()


async def under_handlers(url: str, other: str) -> None:
    a = await nats.connect(url)
    b = None
    try:
        b = await nats.connect(other)
        await a.publish("x", b"")
    except ValueError:
        print(url)
    finally:
        await a.close()
        if b:
            await b.close()


async def straight(url: str, other: str, early: bool) -> None:
    a = await nats.connect(url)
    b = await nats.connect(other)
    if early:
        await a.close()
        await b.close()
        return
    await b.publish("x", b"")
    await b.close()
    await a.close()


async def inside_out(url: str, other: str) -> None:
    a = await nats.connect(url)
    b = await nats.connect(other)
    try:
        await b.publish("x", b"")
    finally:
        await b.close()
        await a.close()
