"""The buckets of leases, and their errors when a bucket is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from nats.js import JetStreamContext
from nats.js.errors import APIError, KeyNotFoundError
from nats.js.kv import KeyValue

from naq.config import Config
from naq.connection.dial import where
from naq.connection.leases import (
    Lease,
    LeasedClient,
    connect,
    jetstream_explained,
    missing_bucket_named,
)
from naq.connection.metrics import count_failure
from naq.connection.nats_py.bucket import BucketView
from naq.connection.shared import SharedConnection
from naq.exceptions import NaqConnectionClosedError, NaqTimeoutError

_STREAM_NOT_FOUND = 10059
"""nats-server's error code."""


async def bind(jetstream: JetStreamContext, bucket: str, config: Config) -> KeyValue:
    """Ask the server for a bucket.

    Raises:
        nats.js.errors.BucketNotFoundError: there is no such bucket.
        nats.js.errors.InvalidBucketNameError: the name can't be a bucket's.
        NaqJetStreamError: the server has no JetStream, or it is out of order.
        NaqTimeoutError: the server does not answer.
    """
    with _explained(bucket, config):
        async with asyncio.timeout(config.connect_timeout):
            return await jetstream.key_value(bucket)


async def bind_once(shared: SharedConnection, bucket: str) -> KeyValue:
    """Return a bucket of a shared connection; ask the server once for all who ask together.

    Raises:
        Exception: what ``bind`` raises.
    """
    with _explained(bucket, shared.config):
        async with asyncio.timeout(shared.config.connect_timeout):
            while bucket not in shared.buckets:
                asked = shared.binding.get(bucket)
                if asked is not None:
                    await asked.wait()  # and ask for oneself, should it not have come of it
                    continue
                asked = shared.binding[bucket] = asyncio.Event()
                try:
                    shared.buckets[bucket] = await shared.jetstream.key_value(bucket)
                finally:
                    del shared.binding[bucket]
                    asked.set()
            return shared.buckets[bucket]


@contextmanager
def _explained(bucket: str, config: Config) -> Iterator[None]:
    try:
        with jetstream_explained(config), missing_bucket_named(bucket):
            yield
    except TimeoutError as error:
        raise NaqTimeoutError(
            f"JetStream on the {where(config)} did not answer within {config.connect_timeout:g} s"
        ) from error


class LeasedKeyValue(Lease, BucketView):
    """A bucket for the time of a lease.

    An earlier lease may have bound it, so the bucket may be gone by now. An operation that fails for
    that reason raises the error of binding it now.

    Args:
        bucket: the bucket.
        config: what connection to take a lease on; it begins with ``async with``.
    """

    __slots__ = ("_bucket", "_client", "_config", "_js")

    _client: LeasedClient | None

    def __init__(self, bucket: str, config: Config) -> None:
        # Not nats-py's: the bound bucket's state is everybody's.
        self._bucket = bucket
        self._client = None
        self._config = config
        self._shared = None

    async def __aenter__(self) -> Self:
        shared = await connect(self._config)
        bound = shared.buckets.get(self._bucket)
        if bound is None:
            try:
                bound = await bind_once(shared, self._bucket)
            except BaseException:
                shared.release()
                count_failure()
                raise
        self._begin(shared)
        self.look_at(bound, shared.jetstream)
        return self

    async def close(self) -> None:
        """End the lease and its watches."""
        if self._shared is None:
            return
        self.work_on(_ENDED)
        client, self._client = self._client, None
        try:
            if client is not None:
                await client.close()
        finally:
            self._end()

    async def raise_if_gone(self, error: Exception) -> None:
        """Raise ``BucketNotFoundError`` if the bucket is gone; otherwise bind it again."""
        if self._shared is None or not _may_mean_no_bucket(error):
            return
        self._shared.buckets.pop(self._bucket, None)
        await bind(self.jetstream, self._bucket, self._config)

    async def watch(self, keys: Any, *arguments: Any, **options: Any) -> KeyValue.KeyWatcher:
        """Watch the keys that match a pattern, until the lease ends."""
        if self._shared is None:
            raise _ended()
        if self._client is None:
            self._client = LeasedClient.of(self._shared)
        bucket = self.on(self._client.jetstream())
        return await self.checked(bucket.watch(keys, *arguments, **options))


class _Ended:
    """The JetStream context of a bucket after its lease."""

    def __getattr__(self, name: str) -> Any:
        raise _ended()


def _ended() -> NaqConnectionClosedError:
    return NaqConnectionClosedError("the lease on this bucket has ended")


_ENDED: Any = _Ended()


def _may_mean_no_bucket(error: Exception) -> bool:
    if isinstance(error, KeyNotFoundError):
        # What nats-py makes of it when a bucket is not read directly.
        return getattr(error.__context__, "err_code", None) == _STREAM_NOT_FOUND
    if isinstance(error, APIError):
        return getattr(error, "err_code", None) == _STREAM_NOT_FOUND
    return True
