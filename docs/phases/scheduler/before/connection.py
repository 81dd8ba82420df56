"""The helpers with which naq's modules managed their connections by hand."""

import nats
from nats.aio.client import Client as NATS
from nats.js import JetStreamContext

DEFAULT_NATS_URL = "nats://localhost:4222"


async def get_nats_connection(url: str = DEFAULT_NATS_URL) -> NATS:
    """Open a connection. The caller closes it."""
    return await nats.connect(url, connect_timeout=2, max_reconnect_attempts=1)


async def get_jetstream_context(nc: NATS) -> JetStreamContext:
    """Derive the JetStream context of a connection."""
    return nc.jetstream()


async def close_nats_connection(nc: NATS) -> None:
    """Close a connection that get_nats_connection has opened."""
    if not nc.is_closed:
        await nc.close()
