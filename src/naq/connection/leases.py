"""The clients that leases hand out: views of one shared client that can't hurt each other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from time import perf_counter
from types import TracebackType
from typing import Any, Self

from nats.js import JetStreamContext
from nats.js.errors import BucketNotFoundError, ServiceUnavailableError
from nats.js.kv import KeyValue

from naq.config import Config
from naq.connection.dial import where
from naq.connection.metrics import count_failure, in_monitored_call
from naq.connection.nats_py.jetstream import NaqJetStream
from naq.connection.nats_py.view import ClientView, JetStreamView
from naq.connection.pool import shared_connection
from naq.connection.shared import SharedConnection
from naq.exceptions import NaqJetStreamError


async def connect(config: Config) -> SharedConnection:
    """Return the connection of a configuration with one lease more, and count a failure.

    Raises:
        NaqConnectionError: there is no connection.
    """
    try:
        return await shared_connection(config)
    except BaseException:
        count_failure()
        raise


class Lease(ABC):
    """A lease on a shared connection, counted from its beginning to its end."""

    # A class and no generator, and the very object that is handed out, where that is possible:
    # taking a lease has to cost next to nothing.
    __slots__ = ("_began", "_shared")

    _began: float
    _shared: SharedConnection | None

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    @abstractmethod
    async def close(self) -> None:
        """End the lease."""

    def _begin(self, shared: SharedConnection) -> None:
        """Count that the lease begins, unless a monitored call counts it."""
        self._shared = shared
        if in_monitored_call.get():
            self._began = 0.0
        else:
            shared.uses.begun += 1
            self._began = perf_counter()

    def _end(self) -> None:
        """Count that the lease ends, and give it back. May be called once."""
        shared, self._shared = self._shared, None
        assert shared is not None
        if self._began:
            shared.uses.ended += 1
            shared.uses.seconds += perf_counter() - self._began
        shared.release()


class LeasedClient(Lease, ClientView):
    """One lease's view of a shared client.

    Its ``close`` and ``drain`` end this view and the subscriptions made on it, nothing else.

    Args:
        config: what connection to take a lease on; it begins with ``async with``.
    """

    __slots__ = ("_ended", "_jetstream", "_subscriptions", "config")

    _jetstream: LeasedJetStream | None

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self._jetstream = None
        self._shared = None

    @classmethod
    def of(cls, shared: SharedConnection) -> LeasedClient:
        """Return a view that is no lease: somebody else gives the lease back."""
        view = cls(shared.config)
        view.look_at(shared.client)
        view._jetstream = LeasedJetStream(shared.jetstream, view)
        return view

    async def __aenter__(self) -> Self:
        if self._shared is None and not self.has_ended:
            shared = await connect(self.config)
            self._begin(shared)
            self.look_at(shared.client)
        return self

    def jetstream(self, **opts: Any) -> JetStreamContext:
        """Return the JetStream context of the lease, or one with options of its own."""
        if opts or self._shared is None:
            return self._jetstream or JetStreamContext(self, **opts)
        if self._jetstream is None:
            self._jetstream = LeasedJetStream(self._shared.jetstream, self)
        return self._jetstream

    async def close(self) -> None:
        """End this lease and its subscriptions. The connection stays open for the others."""
        if self._ended:
            return
        try:
            await self.unsubscribe_all()
        finally:
            self._ended = True
            self._jetstream = None  # a circle, which would wait for the garbage collector
            if self._shared is not None:
                self._end()


@contextmanager
def jetstream_explained(config: Config) -> Iterator[None]:
    """Name the server on which there is no JetStream.

    Raises:
        NaqJetStreamError: in place of nats-py's error, which has hardly any text.
    """
    try:
        yield
    except ServiceUnavailableError as error:
        if isinstance(error, NaqJetStreamError):
            raise
        message = f"JetStream on the {where(config)} is out of order: {error.description}"
        if not error.description:
            message = f"no JetStream on the {where(config)}: it is not switched on"
        raise NaqJetStreamError(message) from error


@contextmanager
def missing_bucket_named(bucket: str) -> Iterator[None]:
    """Name the bucket in nats-py's error, which does not.

    Raises:
        nats.js.errors.BucketNotFoundError: there is no such bucket.
    """
    try:
        yield
    except BucketNotFoundError as error:
        error.description = f"there is no bucket {bucket!r}"
        raise


class LeasedJetStream(JetStreamView):
    """One lease's view of the JetStream context of a shared client."""

    __slots__ = ("_config",)

    def __init__(self, shared: NaqJetStream, client: LeasedClient) -> None:
        super().__init__(shared, client)
        self._config = client.config

    async def key_value(self, bucket: str) -> KeyValue:
        """Bind a bucket.

        Raises:
            nats.js.errors.BucketNotFoundError: there is no such bucket.
        """
        with missing_bucket_named(bucket):
            return await super().key_value(bucket)

    def explain_errors(self) -> AbstractContextManager[None]:
        """Return a context manager that names the server on which there is no JetStream."""
        return jetstream_explained(self._config)
