from naq.connection import (
    nats_connection,
    nats_jetstream,
    nats_kv_store,
)


async def category_a(url: str) -> None:
    async with nats_connection(url) as nc:
        await nc.publish("a", b"1")


async def category_b(url: str) -> int:
    async with nats_jetstream(url) as (nc, js):
        ack = await js.publish("b", b"1")
    return ack.seq


async def category_c(url: str) -> bytes:
    async with nats_kv_store("c", url) as kv:
        entry = await kv.get("key")
    return entry.value


async def category_d(url: str) -> None:
    async with nats_jetstream(url) as (nc, js):
        kv = await js.key_value("d")
        revision = await kv.put("key", b"1")
        await js.publish("d", str(revision).encode())
        await nc.flush()
