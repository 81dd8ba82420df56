import nats


async def opened_before(url: str, other: str) -> None:
    async with await nats.connect(url) as a:
        async with await nats.connect(other) as b:
            await b.publish("x", b"")
            await a.publish("x", b"")


async def opened_inside(url: str, other: str) -> None:
    b = None
    try:
        async with await nats.connect(url) as a:
            b = await nats.connect(other)
            await a.publish("x", b"")
    finally:
        if b:
            await b.close()


async def under_handlers(url: str, other: str) -> None:
    async with await nats.connect(url) as a:
        try:
            async with await nats.connect(other):
                await a.publish("x", b"")
        except ValueError:
            print(url)


async def straight(url: str, other: str, early: bool) -> None:
    async with await nats.connect(url) as a:
        async with await nats.connect(other) as b:
            if early:
                await a.close()
                return
            await b.publish("x", b"")


async def inside_out(url: str, other: str) -> None:
    async with await nats.connect(url):
        async with await nats.connect(other) as b:
            await b.publish("x", b"")
