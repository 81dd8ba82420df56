import logging

import nats

from naq.connection import nats_kv_store

logger = logging.getLogger(__name__)


async def store(url: str, bucket: str, key: str, value: bytes) -> None:
    try:
        async with nats_kv_store(bucket, url) as kv:
            await kv.put(key, value)
    except nats.errors.KeyValueNotFound:
        # handle bucket not found
        logger.warning("no bucket %s", bucket)
    except nats.errors.APIError:
        # handle API error
        logger.exception("the server refused %s", key)
