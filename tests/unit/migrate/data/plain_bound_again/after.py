import nats


async def inside_the_try(url: str, other: str) -> None:
    nc = await nats.connect(url)
    try:
        await nc.publish("a", b"1")
        nc = await nats.connect(other)
        await nc.publish("a", b"2")
    finally:
        await nc.close()


async def beside_another_value(url: str, other: str) -> None:
    nc = await nats.connect(url)
    try:
        nc, data = await nats.connect(other), b"1"
        await nc.publish("a", data)
    finally:
        await nc.close()


async def by_a_pattern(url: str, command: dict[str, object]) -> None:
    nc = await nats.connect(url)
    try:
        match command:
            case {"nc": nc}:
                await nc.publish("a", b"1")
    finally:
        await nc.close()


async def by_an_error(url: str) -> None:
    nc = await nats.connect(url)
    try:
        await nc.publish("a", b"1")
    except ValueError as nc:
        print(nc)
    await nc.close()


async def one_after_the_other(url: str, other: str) -> None:
    async with await nats.connect(url) as nc:
        await nc.publish("a", b"1")
    nc = None
    async with await nats.connect(other) as nc:
        await nc.publish("a", b"2")
