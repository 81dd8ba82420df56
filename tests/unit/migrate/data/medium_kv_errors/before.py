import logging

import nats

from naq.connection import (
    close_nats_connection,
    get_jetstream_context,
    get_nats_connection,
)

logger = logging.getLogger(__name__)


async def store(url: str, bucket: str, key: str, value: bytes) -> None:
    try:
        nc = await get_nats_connection(url)
        js = await get_jetstream_context(nc)
        kv = await js.key_value(bucket)
        await kv.put(key, value)
    except nats.errors.KeyValueNotFound:
        # handle bucket not found
        logger.warning("no bucket %s", bucket)
    except nats.errors.APIError:
        # handle API error
        logger.exception("the server refused %s", key)
    finally:
        await close_nats_connection(nc)
