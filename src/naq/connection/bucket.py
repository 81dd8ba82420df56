"""Buckets that leases hand out, and what they do when theirs is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

import nats.errors
from nats.js import JetStreamContext
from nats.js.errors import (
    APIError,
    BucketNotFoundError,
    KeyNotFoundError,
    NoStreamResponseError,
    ServiceUnavailableError,
)
from nats.js.kv import KeyValue

from naq.config import Config
from naq.connection.dial import where
from naq.exceptions import NaqJetStreamError, NaqTimeoutError

_STREAM_NOT_FOUND = 10059
"""nats-server's error code."""

T = TypeVar("T")


async def bind(jetstream: JetStreamContext, bucket: str, config: Config) -> KeyValue:
    """Ask the server for a bucket.

    Raises:
        nats.js.errors.BucketNotFoundError: there is no such bucket.
        nats.js.errors.InvalidBucketNameError: the name can't be a bucket's.
        NaqJetStreamError: the server has no JetStream, or it is out of order.
        NaqTimeoutError: the server does not answer.
    """
    try:
        async with asyncio.timeout(config.connect_timeout):
            return await jetstream.key_value(bucket)
    except BucketNotFoundError as error:
        error.description = f"there is no bucket {bucket!r}"
        raise
    except ServiceUnavailableError as error:
        reason = error.description or "it is not switched on"
        raise NaqJetStreamError(f"no JetStream on the {where(config)}: {reason}") from error
    except TimeoutError as error:
        raise NaqTimeoutError(
            f"JetStream on the {where(config)} did not answer within {config.connect_timeout:g} s"
        ) from error


class LeasedKeyValue(KeyValue):
    """A bucket for the time of a lease.

    It was bound earlier, perhaps by another lease, so that the bucket may be gone by now. An
    operation that fails for that reason raises what binding it now would raise.
    """

    __slots__ = ("_bound", "_js")

    _bound: dict[str, KeyValue]
    _js: JetStreamContext

    @classmethod
    def of(
        cls, shared: KeyValue, jetstream: JetStreamContext, bound: dict[str, KeyValue]
    ) -> LeasedKeyValue:
        """Return a lease's view of a bucket.

        Args:
            shared: the bucket as it was bound.
            jetstream: the lease's JetStream context.
            bound: the bound buckets by name, which a missing one leaves.
        """
        view = cls.__new__(cls)
        view.__dict__ = shared.__dict__
        view._js = jetstream
        view._bound = bound
        return view

    async def _checked(self, operation: Awaitable[T]) -> T:
        try:
            return await operation
        except (APIError, NoStreamResponseError, nats.errors.NoRespondersError) as error:
            if _may_mean_no_bucket(error):
                self._bound.pop(self._name, None)
                # Says so when it is gone. When it is not, JetStream has another trouble.
                await self._js.key_value(self._name)
            raise

    async def _get(self, key: str, revision: int | None = None) -> KeyValue.Entry:
        return await self._checked(super()._get(key, revision))

    async def put(self, key: str, value: bytes, validate_keys: bool = True) -> int:
        """Put a value and return its revision."""
        return await self._checked(super().put(key, value, validate_keys))

    async def _update(self, *arguments: Any, **options: Any) -> int:
        return await self._checked(super()._update(*arguments, **options))

    async def delete(
        self,
        key: str,
        last: int | None = None,
        validate_keys: bool = True,
        msg_ttl: float | None = None,
    ) -> bool:
        """Put a mark of deletion."""
        return await self._checked(super().delete(key, last, validate_keys, msg_ttl))

    async def purge(self, key: str, msg_ttl: float | None = None) -> bool:
        """Remove a key and its history."""
        return await self._checked(super().purge(key, msg_ttl))

    async def status(self) -> KeyValue.BucketStatus:
        """Return the bucket's state and configuration."""
        return await self._checked(super().status())

    async def watch(self, keys: Any, *arguments: Any, **options: Any) -> KeyValue.KeyWatcher:
        """Watch the keys that match a pattern, until the lease ends."""
        return await self._checked(super().watch(keys, *arguments, **options))


def _may_mean_no_bucket(error: Exception) -> bool:
    if isinstance(error, KeyNotFoundError):
        # What nats-py makes of it when a bucket is not read directly.
        return getattr(error.__context__, "err_code", None) == _STREAM_NOT_FOUND
    if isinstance(error, APIError):
        return getattr(error, "err_code", None) == _STREAM_NOT_FOUND
    return True
