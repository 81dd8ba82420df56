from naq.config import Config, get_config
from naq.connection import (
    nats_connection,
    nats_jetstream,
    nats_kv_store,
)


async def as_the_documents_have_it(url: str) -> None:
    # Multiple connections for related operations
    async with nats_jetstream(url) as (conn, js):
        kv1 = await js.key_value("bucket1")
        kv2 = await js.key_value("bucket2")
        await kv2.put("copy", (await kv1.get("key")).value)


class Archive:
    def __init__(self, config: Config | None = None) -> None:
        self.config = config or get_config()

    async def one_inside_the_other(self, key: str) -> None:
        async with nats_jetstream(self.config) as (nc, js):
            await nc.publish("archive.began", key.encode())
            await js.publish("archive", key.encode())  # stored
            await nc.publish("archive.ended", key.encode())

    async def one_after_the_other(self, key: str) -> None:
        async with nats_jetstream(self.config) as (conn, js):
            kv = await js.key_value("jobs")
            entry = await kv.get(key)

            value = entry.value or b""

            kv = await js.key_value("archive")
            # kept for a year
            await kv.put(key, value)

    async def the_same_bucket_twice(self, key: str) -> None:
        async with nats_kv_store("jobs", self.config) as kv:
            await kv.delete(key)
            await kv.purge(key)

    async def two_servers(self, other: str, key: str) -> None:
        async with nats_connection(self.config) as here:
            async with nats_connection(other) as there:
                await here.publish(key, b"1")
                await there.publish(key, b"1")

    async def a_callback_of_its_own(self, key: str) -> None:
        async with nats_connection(self.config) as nc:
            async with nats_connection(self.config, exclusive=True) as listener:
                await listener.subscribe(key, cb=print)
                await nc.request(key, b"1")
