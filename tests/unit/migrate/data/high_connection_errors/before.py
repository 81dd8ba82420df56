import logging

from nats.errors import ConnectionClosedError
from nats.js.errors import APIError, NotFoundError

from naq.connection import (
    close_nats_connection,
    get_jetstream_context,
    get_nats_connection,
)

logger = logging.getLogger(__name__)


async def publish(url: str, subject: str, data: bytes) -> bool:
    nc = None
    try:
        nc = await get_nats_connection(url)
        await nc.publish(subject, data)
        return True
    except ConnectionClosedError:
        logger.error("the connection was closed")
        return False
    finally:
        if nc:
            await close_nats_connection(nc)


async def stream_size(url: str, stream: str) -> int:
    nc = None
    try:
        nc = await get_nats_connection(url)
        js = await get_jetstream_context(nc)
        info = await js.stream_info(stream)
        return info.state.messages
    except NotFoundError:
        return 0
    except APIError as error:
        logger.error("the server refused: %s", error)
        raise
    finally:
        if nc is not None:
            await close_nats_connection()
