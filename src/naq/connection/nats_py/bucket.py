"""A view of a bucket, and what nats-py keeps to itself about buckets and watches."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any, Self, TypeVar

import nats.errors
from nats.js import JetStreamContext
from nats.js.errors import APIError, InvalidKeyError, NoStreamResponseError
from nats.js.kv import KeyValue, _is_key_valid

_MAY_BE_GONE = (APIError, NoStreamResponseError, nats.errors.NoRespondersError)

T = TypeVar("T")


class BucketView(ABC, KeyValue):
    """A view of a bound bucket, on another JetStream context.

    A subclass names ``_js`` in its ``__slots__``.
    """

    __slots__ = ()

    _js: JetStreamContext

    def look_at(self, bound: KeyValue, jetstream: JetStreamContext) -> None:
        """Take the state of a bound bucket as this one's."""
        self.__dict__ = bound.__dict__
        self._js = jetstream

    def work_on(self, jetstream: JetStreamContext) -> None:
        """Use another JetStream context from now on."""
        self._js = jetstream

    @property
    def jetstream(self) -> JetStreamContext:
        """The JetStream context on which the bucket works."""
        return self._js

    def on(self, jetstream: JetStreamContext) -> KeyValue:
        """Return a handle of the same bucket on another JetStream context."""
        return KeyValue(self._name, self._stream, self._pre, jetstream, self._direct)

    @abstractmethod
    async def raise_if_gone(self, error: Exception) -> None:
        """Raise ``BucketNotFoundError`` if an operation's error means that the bucket is gone."""

    async def checked(self, operation: Awaitable[T]) -> T:
        """Await an operation on the bucket, which may be gone by now."""
        try:
            return await operation
        except _MAY_BE_GONE as error:
            await self.raise_if_gone(error)
            raise

    async def put(self, key: str, value: bytes, validate_keys: bool = True) -> int:
        """Put a value and return its revision."""
        if validate_keys and not _is_key_valid(key):
            raise InvalidKeyError(key)
        try:
            ack = await self._js.publish(f"{self._pre}{key}", value)
        except NoStreamResponseError as error:
            await self.raise_if_gone(error)
            raise
        return ack.seq

    async def _get(self, key: str, revision: int | None = None) -> KeyValue.Entry:
        return await self.checked(super()._get(key, revision))

    async def _update(self, *arguments: Any, **options: Any) -> int:
        return await self.checked(super()._update(*arguments, **options))

    async def delete(
        self,
        key: str,
        last: int | None = None,
        validate_keys: bool = True,
        msg_ttl: float | None = None,
    ) -> bool:
        """Put a mark of deletion."""
        options: dict[str, Any] = {} if msg_ttl is None else {"msg_ttl": msg_ttl}
        return await self.checked(super().delete(key, last, validate_keys, **options))

    async def purge(self, key: str, msg_ttl: float | None = None) -> bool:
        """Remove a key and its history."""
        options: dict[str, Any] = {} if msg_ttl is None else {"msg_ttl": msg_ttl}
        return await self.checked(super().purge(key, **options))

    async def status(self) -> KeyValue.BucketStatus:
        """Return the bucket's state and configuration."""
        return await self.checked(super().status())


def patience(kv: KeyValue) -> float:
    """Return the seconds that a bucket's requests may take."""
    timeout: float = kv._js._timeout
    return timeout


class Watch:
    """A watch of a bucket's keys.

    Iterating gives each entry, and None once all that was stored has been sent. nats-py's own
    iteration ends at that None before 2.14.

    Args:
        watcher: nats-py's watch.
    """

    def __init__(self, watcher: KeyValue.KeyWatcher) -> None:
        self._updates: asyncio.Queue[Any] = watcher._updates
        self._subscription: Any = watcher._sub
        self._watcher = watcher

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> KeyValue.Entry | None:
        entry = await self._updates.get()
        if entry is None or isinstance(entry, KeyValue.Entry):
            return entry
        raise StopAsyncIteration

    async def deliveries(self) -> int:
        """Return how many messages the server has sent for the watch.

        Raises:
            nats.errors.Error: the server does not answer.
        """
        info = await self._subscription.consumer_info()
        return int(info.delivered.consumer_seq)

    async def stop(self) -> None:
        """Stop the watch, and delete its consumer: a server allows only so many."""
        subscription = self._subscription
        with suppress(nats.errors.Error):  # without a connection there is nothing to be done
            await self._watcher.stop()
            # Nobody needs the answer.
            await subscription._conn.publish(
                f"$JS.API.CONSUMER.DELETE.{subscription._stream}.{subscription._consumer}"
            )
