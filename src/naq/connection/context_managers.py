"""The context managers through which everything in naq reaches a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType

import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import BucketNotFoundError, ServiceUnavailableError
from nats.js.kv import KeyValue

from naq.config import Config, as_config
from naq.connection.client import LeasedClient, NaqClient
from naq.connection.dial import abandon, address, dial
from naq.connection.pool import SharedConnection, lease
from naq.exceptions import NaqJetStreamError, NaqTimeoutError


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
        self._shared, self._client = await lease(self._config)
        jetstream = self._client.jetstream()
        bound = self._shared.buckets.get(self._bucket)
        if bound is None:
            try:
                bound = await _bind(jetstream, self._bucket, self._config)
            except BaseException as error:
                await self.__aexit__(type(error), error, None)
                raise
            self._shared.buckets[self._bucket] = bound
        return KeyValue(bound._name, bound._stream, bound._pre, jetstream, bound._direct)


async def _bind(jetstream: JetStreamContext, bucket: str, config: Config) -> KeyValue:
    try:
        async with asyncio.timeout(config.connect_timeout):
            return await jetstream.key_value(bucket)
    except BucketNotFoundError as error:
        error.description = f"there is no bucket {bucket!r}"
        raise
    except ServiceUnavailableError as error:
        reason = error.description or "JetStream is not switched on"
        raise NaqJetStreamError(f"no JetStream on the {_where(config)}: {reason}") from error
    except TimeoutError as error:
        raise NaqTimeoutError(
            f"JetStream on the {_where(config)} did not answer within {config.connect_timeout:g} s"
        ) from error


def _where(config: Config) -> str:
    return f"NATS server at {', '.join(address(server) for server in config.servers)}"


@asynccontextmanager
async def _exclusive_connection(config: Config) -> AsyncGenerator[Client]:
    client = await dial(config)
    try:
        yield client
    finally:
        await _finish(client)


@asynccontextmanager
async def _exclusive_jetstream(
    config: Config,
) -> AsyncGenerator[tuple[Client, JetStreamContext]]:
    async with _exclusive_connection(config) as client:
        yield client, client.jetstream(timeout=config.request_timeout)


@asynccontextmanager
async def _exclusive_kv_store(bucket: str, config: Config) -> AsyncGenerator[KeyValue]:
    async with _exclusive_jetstream(config) as (_, jetstream):
        yield await _bind(jetstream, bucket, config)


async def _finish(client: NaqClient) -> None:
    """Drain and close a client, whatever state it is in."""
    try:
        if client.is_connected and not client.is_draining:
            await client.drain()
        else:
            await client.close()
    except (OSError, nats.errors.Error):
        pass  # the connection was lost meanwhile: nothing is left to be drained
    finally:
        abandon(client)
