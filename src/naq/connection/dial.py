"""How a connection is made: strictly, with one clear error, and lenient ever after."""

from __future__ import annotations

import asyncio
import logging
import math
import random
import socket
import ssl
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import nats.errors

from naq.config import Config
from naq.connection.client import NaqClient
from naq.exceptions import (
    NaqAuthorizationError,
    NaqConnectionError,
    NaqNoServersError,
    NaqTimeoutError,
    NaqTLSError,
)

logger = logging.getLogger("naq.connection")

Callback = Callable[[], Awaitable[None]]


async def dial(
    config: Config,
    *,
    disconnected_cb: Callback | None = None,
    reconnected_cb: Callback | None = None,
) -> NaqClient:
    """Connect to one of the configured servers.

    Each server gets one try of at most ``connect_timeout``. The connection that comes of it
    then outlives the loss of its server: it comes back by itself, however long that takes.

    Args:
        config: the servers, and the manners.
        disconnected_cb: called after each loss of the server.
        reconnected_cb: called after each return.

    Raises:
        NaqConnectionError: no server could be connected to; the message says which and why.
    """
    servers = random.sample(config.servers, len(config.servers))
    for tries_left in reversed(range(len(servers))):
        try:
            return await _try(config, servers, disconnected_cb, reconnected_cb)
        except NaqConnectionError:
            if not tries_left:
                raise
        servers.append(servers.pop(0))
    raise NaqNoServersError("no NATS server is configured")


async def _try(
    config: Config,
    servers: list[str],
    disconnected_cb: Callback | None,
    reconnected_cb: Callback | None,
) -> NaqClient:
    causes: list[Exception] | None = []

    async def note(error: Exception) -> None:
        if causes is not None:
            causes.append(error)
        elif isinstance(error, (OSError, nats.errors.StaleConnectionError)):
            # Said many times in an outage, by each attempt to come back.
            logger.debug("connection %r: %s", config.name, error)
        else:
            logger.error("connection %r: %s", config.name, error, exc_info=error)

    client = NaqClient()
    try:
        async with asyncio.timeout(config.connect_timeout):
            await client.connect(
                servers,
                name=config.name,
                error_cb=note,
                disconnected_cb=disconnected_cb,
                reconnected_cb=reconnected_cb,
                dont_randomize=True,
                # With nats-py's defaults a missing server is noticed after 120 s.
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                connect_timeout=math.ceil(config.connect_timeout),
            )
            # Here and not with the first request, which may belong to a lease: the
            # subscription to replies is everybody's.
            await client._init_request_sub()
    except BaseException as error:
        abandon(client)
        if isinstance(error, (OSError, nats.errors.Error)):
            cause = causes[0] if causes else error
            raise _explain(cause, servers[0], config) from cause
        raise
    causes = None
    client.options.update(
        allow_reconnect=True,
        max_reconnect_attempts=-1,
        reconnect_time_wait=config.reconnect_time_wait,
        connect_timeout=config.connect_timeout,
        drain_timeout=config.drain_timeout,
        dont_randomize=False,
    )
    return client


def abandon(client: NaqClient) -> None:
    """Give up a client's socket at once, saying nothing to the server."""
    transport = client._transport
    writer = getattr(transport, "_io_writer", None)
    if writer is not None:
        writer.transport.abort()


def address(server: str) -> str:
    """Return a server's host and port, without the credentials that its URL may hold."""
    parts = urlsplit(server if "://" in server else f"nats://{server}")
    return f"{parts.hostname}:{parts.port or 4222}"


def _explain(error: Exception, server: str, config: Config) -> NaqConnectionError:
    where = f"NATS server at {address(server)}"
    if isinstance(error, ssl.SSLError):
        reason = getattr(error, "verify_message", "") or error.reason or error
        return NaqTLSError(f"no secure connection to the {where}: {reason}")
    if isinstance(error, TimeoutError):
        return NaqTimeoutError(f"the {where} did not answer within {config.connect_timeout:g} s")
    if isinstance(error, socket.gaierror):
        return NaqNoServersError(f"no {where}: the host's name is unknown")
    if isinstance(error, OSError):
        return NaqNoServersError(f"no {where}: {error.strerror or error}")
    if "authorization violation" in str(error).lower():
        return NaqAuthorizationError(f"the {where} refuses these credentials")
    return NaqNoServersError(f"no connection to the {where}: {error}")
