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
from naq.connection.metrics import begin_use, end_use, fail_use
from naq.connection.pool import shared_connection, standing_connection
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
    """What the leases have in common: they give back what they took, and are counted."""

    # Classes and no generators: entering one has to cost next to nothing.
    __slots__ = ("_began", "_client", "_config", "_shared")

    _began: float
    _client: LeasedClient
    _shared: SharedConnection

    def __init__(self, config: Config) -> None:
        self._config = config

    def _begin(self) -> LeasedClient | None:
        """Take a lease on a connection that stands, without waiting for anything."""
        shared = standing_connection(self._config)
        if shared is None:
            return None
        self._began = begin_use()
        self._shared = shared
        self._client = shared.view()
        return self._client

    async def _connect(self) -> LeasedClient:
        """Take a lease on a connection that has yet to be made, or to come back."""
        self._began = begin_use()
        try:
            self._shared = await shared_connection(self._config)
        except BaseException:
            fail_use(self._began)
            raise
        self._client = self._shared.view()
        return self._client

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self._client.close()
        finally:
            end_use(self._began)


class _ConnectionLease(_Lease):
    __slots__ = ()

    async def __aenter__(self) -> Client:
        return self._begin() or await self._connect()


class _JetStreamLease(_Lease):
    __slots__ = ()

    async def __aenter__(self) -> tuple[Client, JetStreamContext]:
        client = self._begin() or await self._connect()
        return client, client.jetstream()


class _BucketLease(_Lease):
    __slots__ = ("_bucket",)

    def __init__(self, bucket: str, config: Config) -> None:
        super().__init__(config)
        self._bucket = bucket

    async def __aenter__(self) -> KeyValue:
        client = self._begin() or await self._connect()
        bound = self._shared.buckets.get(self._bucket)
        if bound is None:
            try:
                bound = await bind(client.jetstream(), self._bucket, self._config)
            except BaseException:
                await client.close()
                fail_use(self._began)
                raise
            self._shared.buckets[self._bucket] = bound
        return LeasedKeyValue.of(bound, client.jetstream(), self._shared.buckets)


@asynccontextmanager
async def _exclusive_connection(config: Config) -> AsyncGenerator[Client]:
    connection = SharedConnection(config)
    began = begin_use()
    try:
        await connection.open()
    except BaseException:
        fail_use(began)
        raise
    connection.leases = 1
    client = connection.view()
    try:
        yield client
    finally:
        try:
            if client.is_connected:
                await client.drain()
        except nats.errors.Error as error:
            logger.warning("draining the connection to the %s: %s", where(config), error)
        finally:
            end_use(began)
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
