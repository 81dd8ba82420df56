"""Deprecated helpers, on the shared connections. Each warns and names its successor."""

from __future__ import annotations

import warnings

from nats.aio.client import Client
from nats.js import JetStreamContext

from naq.config import Config, as_config
from naq.connection.leases import LeasedClient


async def get_nats_connection(url: Config | str | None = None) -> Client:
    """Lend a connected client until ``close_nats_connection`` or its own ``close``.

    Deprecated: use ``async with nats_connection(url) as conn``.

    Args:
        url: a URL, a configuration, or None for the process's configuration.

    Raises:
        NaqConnectionError: there is no connection.
    """
    _warn("get_nats_connection", "`async with nats_connection(url) as conn`")
    return await LeasedClient(as_config(url)).__aenter__()


async def get_jetstream_context(nc: Client) -> JetStreamContext:
    """Return the JetStream context of a connection.

    Deprecated: use ``async with nats_jetstream(url) as (conn, js)``.
    """
    _warn("get_jetstream_context", "`async with nats_jetstream(url) as (conn, js)`")
    return nc.jetstream()


async def close_nats_connection(nc: Client | str | None = None) -> None:
    """Give back a client that ``get_nats_connection`` lent, which leaves all others open.

    Deprecated: the end of ``async with nats_connection(url)`` does it.

    Args:
        nc: the client. A URL, or nothing, names no lease: nothing is given back then, and the
            connection stays open until the event loop ends.
    """
    _warn("close_nats_connection", "the end of `async with nats_connection(url)`")
    if isinstance(nc, Client):
        await nc.close()


def _warn(name: str, successor: str) -> None:
    warnings.warn(f"{name} is deprecated: use {successor}", DeprecationWarning, stacklevel=3)
