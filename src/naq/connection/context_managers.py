"""The context managers through which everything in naq reaches a server."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType

import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.kv import KeyValue

from naq.config import Config, as_config
from naq.connection.dial import where
from naq.connection.leased_bucket import LeasedKeyValue, bind
from naq.connection.leases import LeasedClient
from naq.connection.metrics import count_failure, counted
from naq.connection.pool import current_pool
from naq.connection.shared import SharedConnection

logger = logging.getLogger("naq.connection")


def nats_connection(
    config: Config | str | None = None, *, exclusive: bool = False
) -> AbstractAsyncContextManager[Client]:
    """Lend a connected client for the time of an ``async with``.

    The lease is on a connection that everybody with the same configuration on this event loop
    shares. The client's ``close`` and ``drain``, and the end of the lease, end the subscriptions
    made on it and leave the connection open for the others.

    Args:
        config: a configuration, a URL, or None for the process's configuration.
        exclusive: open a connection of one's own, which is drained and closed at the end.

    Raises:
        NaqConnectionError: on entering; there is no connection.
        ConfigurationError: ``config`` is none of these.
    """
    settings = as_config(config)
    return _exclusive_connection(settings) if exclusive else LeasedClient(settings)


def nats_jetstream(
    config: Config | str | None = None, *, exclusive: bool = False
) -> AbstractAsyncContextManager[tuple[Client, JetStreamContext]]:
    """Lend a connected client and its JetStream context, as ``(connection, jetstream)``.

    Args:
        config: a configuration, a URL, or None for the process's configuration.
        exclusive: open a connection of one's own, which is drained and closed at the end.

    Raises:
        NaqConnectionError: on entering; there is no connection.
        ConfigurationError: ``config`` is none of these.
    """
    settings = as_config(config)
    return _exclusive_jetstream(settings) if exclusive else _JetStreamLease(settings)


def nats_kv_store(
    bucket_name: str, config: Config | str | None = None, *, exclusive: bool = False
) -> AbstractAsyncContextManager[KeyValue]:
    """Lend a key-value bucket, which must exist.

    Args:
        bucket_name: the bucket.
        config: a configuration, a URL, or None for the process's configuration.
        exclusive: open a connection of one's own, which is drained and closed at the end.

    Raises:
        NaqConnectionError: on entering; there is no connection, or no JetStream.
        nats.js.errors.BucketNotFoundError: on entering; there is no such bucket.
        nats.js.errors.InvalidBucketNameError: on entering; the name can't be a bucket's.
        ConfigurationError: ``config`` is none of these.
    """
    settings = as_config(config)
    if exclusive:
        return _exclusive_kv_store(bucket_name, settings)
    return LeasedKeyValue(bucket_name, settings)


@asynccontextmanager
async def jetstream_context(conn: Client) -> AsyncGenerator[JetStreamContext]:
    """Lend the JetStream context of a connection that somebody else closes.

    Args:
        conn: a connected client.
    """
    yield conn.jetstream()


class _JetStreamLease:
    """A leased client together with its JetStream context."""

    __slots__ = ("_client",)

    def __init__(self, config: Config) -> None:
        self._client = LeasedClient(config)

    async def __aenter__(self) -> tuple[Client, JetStreamContext]:
        client = await self._client.__aenter__()
        return client, client.jetstream()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._client.close()


@asynccontextmanager
async def _exclusive_connection(config: Config) -> AsyncGenerator[Client]:
    connection = SharedConnection(config, current_pool().uses)
    try:
        await connection.open()
    except BaseException:
        count_failure()
        raise
    client = LeasedClient.of(connection)
    with counted(connection.uses):
        try:
            yield client
        finally:
            try:
                if client.is_connected:
                    await client.drain()
            except nats.errors.Error as error:
                logger.warning("draining the connection to the %s: %s", where(config), error)
            finally:
                await connection.close()


@asynccontextmanager
async def _exclusive_jetstream(
    config: Config,
) -> AsyncGenerator[tuple[Client, JetStreamContext]]:
    async with _exclusive_connection(config) as client:
        yield client, client.jetstream()


@asynccontextmanager
async def _exclusive_kv_store(bucket: str, config: Config) -> AsyncGenerator[KeyValue]:
    async with _exclusive_jetstream(config) as (_, jetstream):
        yield await bind(jetstream, bucket, config)
