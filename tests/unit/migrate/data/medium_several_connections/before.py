from naq.connection import (
    close_nats_connection,
    get_jetstream_context,
    get_nats_connection,
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
        nc = await get_nats_connection(self.nats_url)
        try:
            await nc.publish("archive.began", key.encode())
            events = await get_nats_connection(self.nats_url)
            try:
                js = await get_jetstream_context(events)
                await js.publish("archive", key.encode())  # stored
            finally:
                await close_nats_connection(events)
            await nc.publish("archive.ended", key.encode())
        finally:
            await close_nats_connection(nc)

    async def one_after_the_other(self, key: str) -> None:
        nc = await get_nats_connection(self.nats_url)
        try:
            js = await get_jetstream_context(nc)
            kv = await js.key_value("jobs")
            entry = await kv.get(key)
        finally:
            await close_nats_connection(nc)

        value = entry.value or b""

        nc = await get_nats_connection(self.nats_url)
        try:
            js = await get_jetstream_context(nc)
            kv = await js.key_value("archive")  # kept for a year
            await kv.put(key, value)
        finally:
            await close_nats_connection(nc)

    async def the_same_bucket_twice(self, key: str) -> None:
        nc = await get_nats_connection(self.nats_url)
        try:
            js = await get_jetstream_context(nc)
            kv = await js.key_value("jobs")
            await kv.delete(key)
        finally:
            await close_nats_connection(nc)
        nc2 = await get_nats_connection(self.nats_url)
        try:
            js2 = await get_jetstream_context(nc2)
            kv2 = await js2.key_value("jobs")
            await kv2.purge(key)
        finally:
            await close_nats_connection(nc2)

    async def two_servers(self, other: str, key: str) -> None:
        here = await get_nats_connection(self.nats_url)
        there = await get_nats_connection(other)
        await here.publish(key, b"1")
        await there.publish(key, b"1")
        await close_nats_connection(there)
        await close_nats_connection(here)

    async def a_callback_of_its_own(self, key: str) -> None:
        nc = await get_nats_connection(self.nats_url)
        listener = await get_nats_connection(self.nats_url)
        await listener.subscribe(key, cb=print)
        await nc.request(key, b"1")
        await close_nats_connection(listener)
        await close_nats_connection(nc)
