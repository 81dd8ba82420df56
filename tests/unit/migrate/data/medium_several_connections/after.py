from naq.connection import (
    get_jetstream_context,
    get_nats_connection,
    nats_connection,
    nats_jetstream,
    nats_kv_store,
)


async def as_the_documents_have_it(url: str) -> None:
    # Multiple connections for related operations
    nc1 = await get_nats_connection(url)
    js1 = await get_jetstream_context(nc1)
    kv1 = await js1.key_value("bucket1")

    nc2 = await get_nats_connection(url)
    js2 = await get_jetstream_context(nc2)
    kv2 = await js2.key_value("bucket2")
    await kv2.put("copy", (await kv1.get("key")).value)


class Archive:
    def __init__(self, nats_url: str) -> None:
        self.nats_url = nats_url

    async def one_inside_the_other(self, key: str) -> None:
        async with nats_connection(self.nats_url) as nc:
            await nc.publish("archive.began", key.encode())
            async with nats_jetstream(self.nats_url) as (events, js):
                await js.publish("archive", key.encode())  # stored
            await nc.publish("archive.ended", key.encode())

    async def one_after_the_other(self, key: str) -> None:
        async with nats_kv_store("jobs", self.nats_url) as kv:
            entry = await kv.get(key)

        value = entry.value or b""

        async with nats_kv_store("archive", self.nats_url) as kv:
            # kept for a year
            await kv.put(key, value)

    async def the_same_bucket_twice(self, key: str) -> None:
        async with nats_kv_store("jobs", self.nats_url) as kv:
            await kv.delete(key)
        async with nats_kv_store("jobs", self.nats_url) as kv2:
            await kv2.purge(key)

    async def two_servers(self, other: str, key: str) -> None:
        async with nats_connection(self.nats_url) as here:
            async with nats_connection(other) as there:
                await here.publish(key, b"1")
                await there.publish(key, b"1")

    async def a_callback_of_its_own(self, key: str) -> None:
        async with nats_connection(self.nats_url) as nc:
            async with nats_connection(self.nats_url, exclusive=True) as listener:
                await listener.subscribe(key, cb=print)
                await nc.request(key, b"1")
