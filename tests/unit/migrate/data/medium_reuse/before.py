from naq.connection import (
    close_nats_connection,
    get_jetstream_context,
    get_nats_connection,
)


async def copy_between_buckets(url: str, key: str) -> None:
    # Multiple connections for related operations
    nc1 = await get_nats_connection(url)
    js1 = await get_jetstream_context(nc1)
    kv1 = await js1.key_value("bucket1")

    nc2 = await get_nats_connection(url)
    js2 = await get_jetstream_context(nc2)
    kv2 = await js2.key_value("bucket2")

    entry = await kv1.get(key)
    await kv2.put(key, entry.value)
    await close_nats_connection(nc2)
    await close_nats_connection(nc1)
