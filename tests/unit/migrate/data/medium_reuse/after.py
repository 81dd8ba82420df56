from naq.connection import nats_kv_store


async def copy_between_buckets(url: str, key: str) -> None:
    # Multiple connections for related operations
    async with nats_kv_store("bucket1", url) as kv1:
        async with nats_kv_store("bucket2", url) as kv2:
            entry = await kv1.get(key)
            await kv2.put(key, entry.value)
