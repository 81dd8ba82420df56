from nats.aio.client import Client as NATS


async def adjacent(url: str) -> None:
    nc = NATS()
    await nc.connect(url, name="adjacent")
    await nc.publish("a", b"1")
    await nc.drain()


async def seen_by_its_own_callback(url: str) -> None:
    nc = NATS()

    async def reconnected() -> None:
        print(nc.connected_url)

    await nc.connect(url, reconnected_cb=reconnected)
    await nc.publish("a", b"1")
    await nc.close()


async def options_by_position(servers: list[str], on_error) -> None:
    nc = NATS()
    await nc.connect(servers, on_error)
    await nc.publish("a", b"1")
    await nc.close()
