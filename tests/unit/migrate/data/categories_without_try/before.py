from naq.connection import (
    close_nats_connection,
    get_jetstream_context,
    get_nats_connection,
)


async def category_a(url: str) -> None:
    nc = await get_nats_connection(url)
    await nc.publish("a", b"1")
    await close_nats_connection(nc)


async def category_b(url: str) -> int:
    nc = await get_nats_connection(url)
    js = await get_jetstream_context(nc)
    ack = await js.publish("b", b"1")
    await close_nats_connection(nc)
    return ack.seq


async def category_c(url: str) -> bytes:
    nc = await get_nats_connection(url)
    js = await get_jetstream_context(nc)
    kv = await js.key_value("c")
    entry = await kv.get("key")
    await close_nats_connection(nc)
    return entry.value


async def category_d(url: str) -> None:
    nc = await get_nats_connection(url)
    js = await get_jetstream_context(nc)
    kv = await js.key_value("d")
    revision = await kv.put("key", b"1")
    await js.publish("d", str(revision).encode())
    await nc.flush()
    await close_nats_connection(nc)
