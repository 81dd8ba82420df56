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
from naq.connection.bucket import LeasedKeyValue, bind
from naq.connection.client import LeasedClient
from naq.connection.dial import where
from naq.connection.pool import lease
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
        NaqConnectionError: on entering; there is no connection to be had.
        ConfigurationError: ``config`` is none of these.
    """
    settings = as_config(config)
    return _exclusive_connection(settings) if exclusive else _ConnectionLease(settings)


def nats_jetstream(
    config: Config | str | None = None, *, exclusive: bool = False
) -> AbstractAsyncContextManager[tuple[Client, JetStreamContext]]:
    """Lend a connected client and its JetStream context, as ``(connection, jetstream)``.

    Args:
        config: a configuration, a URL, or None for the process's configuration.
        exclusive: open a connection of one's own, which is drained and closed at the end.

    Raises:
        NaqConnectionError: on entering; there is no connection to be had.
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
        NaqConnectionError: on entering; there is no connection to be had, or no JetStream.
        nats.js.errors.BucketNotFoundError: on entering; there is no such bucket.
        nats.js.errors.InvalidBucketNameError: on entering; the name can't be a bucket's.
        ConfigurationError: ``config`` is none of these.
    """
    settings = as_config(config)
    if exclusive:
        return _exclusive_kv_store(bucket_name, settings)
    return _BucketLease(bucket_name, settings)


@asynccontextmanager
async def jetstream_context(conn: Client) -> AsyncGenerator[JetStreamContext]:
    """Lend the JetStream context of a connection that somebody else closes.

    Args:
        conn: a connected client.
    """
    yield conn.jetstream()


class _Lease:
    """What the leases have in common: they give back what they took."""

    # Classes and no generators: entering one has to cost next to nothing.
    __slots__ = ("_client", "_config", "_shared")

    _client: LeasedClient
    _shared: SharedConnection

    def __init__(self, config: Config) -> None:
        self._config = config

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self._client.close()
        finally:
            self._shared.release()


class _ConnectionLease(_Lease):
    __slots__ = ()

    async def __aenter__(self) -> Client:
        self._shared, self._client = await lease(self._config)
        return self._client


class _JetStreamLease(_Lease):
    __slots__ = ()

    async def __aenter__(self) -> tuple[Client, JetStreamContext]:
        self._shared, self._client = await lease(self._config)
        return self._client, self._client.jetstream()


class _BucketLease(_Lease):
    __slots__ = ("_bucket",)

    def __init__(self, bucket: str, config: Config) -> None:
        super().__init__(config)
        self._bucket = bucket

    async def __aenter__(self) -> KeyValue:
        shared, client = self._shared, self._client = await lease(self._config)
        bound = shared.buckets.get(self._bucket)
        if bound is None:
            try:
                bound = await bind(client.jetstream(), self._bucket, self._config)
            except BaseException as error:
                await self.__aexit__(type(error), error, None)
                raise
            shared.buckets[self._bucket] = bound
        return LeasedKeyValue.of(bound, client.jetstream(), shared.buckets)


@asynccontextmanager
async def _exclusive_connection(config: Config) -> AsyncGenerator[Client]:
    connection = SharedConnection(config)
    await connection.open()
    client = LeasedClient.of(connection.client, connection.jetstream)
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
