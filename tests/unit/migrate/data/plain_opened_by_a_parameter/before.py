import nats


async def dial(url: str) -> nats.NATS:
    return await nats.connect(url, connect_timeout=2)


async def ping(url: str) -> None:
    nc = await dial(url)
    try:
        await nc.flush()
    finally:
        await nc.close()


async def ping_with(url: str, opener=dial) -> None:
    nc = await opener(url)
    try:
        await nc.flush()
    finally:
        await nc.close()
