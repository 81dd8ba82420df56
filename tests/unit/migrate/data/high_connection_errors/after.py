import logging

from nats.errors import ConnectionClosedError
from nats.js.errors import APIError, NotFoundError

from naq.connection import (
    nats_connection,
    nats_jetstream,
)

logger = logging.getLogger(__name__)


async def publish(url: str, subject: str, data: bytes) -> bool:
    try:
        async with nats_connection(url) as nc:
            await nc.publish(subject, data)
            return True
    except ConnectionClosedError:
        logger.error("the connection was closed")
        return False


async def stream_size(url: str, stream: str) -> int:
    try:
        async with nats_jetstream(url) as (nc, js):
            info = await js.stream_info(stream)
            return info.state.messages
    except NotFoundError:
        return 0
    except APIError as error:
        logger.error("the server refused: %s", error)
        raise
