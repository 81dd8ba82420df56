import nats


async def grouped(url: str) -> None:
    nc = await nats.connect(url)
    try:
        await nc.publish("a", b"1")
    except* ValueError as group:
        print(group)
    finally:
        await nc.close()
