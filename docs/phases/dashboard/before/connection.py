"""The helpers as they had become by then: one connection for each URL, closed by its URL."""

from typing import Dict

import nats
from nats.aio.client import Client as NATS
from nats.js import JetStreamContext

DEFAULT_NATS_URL = "nats://localhost:4222"

_connections: Dict[str, NATS] = {}


async def get_nats_connection(url: str = DEFAULT_NATS_URL) -> NATS:
    """Return the connection of a URL, a new one if it is closed."""
    if url not in _connections or _connections[url].is_closed:
        _connections[url] = await nats.connect(url, connect_timeout=2, max_reconnect_attempts=1)
    return _connections[url]


async def get_jetstream_context(nc: NATS) -> JetStreamContext:
    """Derive the JetStream context of a connection."""
    return nc.jetstream()


async def close_nats_connection(url: str = DEFAULT_NATS_URL) -> None:
    """Close the connection of a URL, if there is one."""
    nc = _connections.pop(url, None)
    if nc is not None and not nc.is_closed:
        await nc.close()
