from naq.connection import nats_jetstream


async def copy_between_buckets(url: str, key: str) -> None:
    # Multiple connections for related operations
    async with nats_jetstream(url) as (conn, js):
        kv1 = await js.key_value("bucket1")
        kv2 = await js.key_value("bucket2")
        entry = await kv1.get(key)
        await kv2.put(key, entry.value)
