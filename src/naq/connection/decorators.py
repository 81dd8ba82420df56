"""Decorators that give a coroutine function a handle, count it, or try it again."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.kv import KeyValue

from naq.config import get_config
from naq.connection.context_managers import nats_connection, nats_jetstream, nats_kv_store
from naq.connection.metrics import monitored_call
from naq.exceptions import NaqConnectionError

logger = logging.getLogger("naq.connection")

P = ParamSpec("P")
R = TypeVar("R")
H = TypeVar("H", covariant=True)

CONNECTION_FAILURES = (
    NaqConnectionError,
    ConnectionError,
    nats.errors.ConnectionClosedError,
    nats.errors.ConnectionReconnectingError,
    nats.errors.NoServersError,
    nats.errors.OutboundBufferLimitError,
    nats.errors.StaleConnectionError,
)
"""Errors that mean a lost connection. A request without an answer is not among them: the server may
have executed it."""


class Given(Protocol[H]):
    """A decorator that hands a function something before its own arguments."""

    def __call__(
        self, function: Callable[Concatenate[H, P], Awaitable[R]], /
    ) -> Callable[P, Coroutine[Any, Any, R]]:
        """Return the function without its first parameter."""
        ...


def with_nats_connection(config_key: str | None = None) -> Given[Client]:
    """Call a coroutine function with a connection before its own arguments.

    Args:
        config_key: the part of the configuration to use; None is the whole.

    Raises:
        ConfigurationError: at the call; there is no such part.
    """
    return _giving(lambda: nats_connection(get_config(config_key)))


def with_jetstream_context(config_key: str | None = None) -> Given[JetStreamContext]:
    """Call a coroutine function with a JetStream context before its own arguments.

    Args:
        config_key: the part of the configuration to use; None is the whole.

    Raises:
        ConfigurationError: at the call; there is no such part.
    """
    return _giving(lambda: nats_jetstream(get_config(config_key)), pick=lambda both: both[1])


def with_kv_store(bucket_name: str, config_key: str | None = None) -> Given[KeyValue]:
    """Call a coroutine function with a key-value bucket before its own arguments.

    Args:
        bucket_name: the bucket, which must exist.
        config_key: the part of the configuration to use; None is the whole.

    Raises:
        ConfigurationError: at the call; there is no such part.
    """
    return _giving(lambda: nats_kv_store(bucket_name, get_config(config_key)))


def _giving(
    lend: Callable[[], AbstractAsyncContextManager[Any]],
    pick: Callable[[Any], Any] = lambda handle: handle,
) -> Given[Any]:
    def decorate(function: Callable[..., Awaitable[R]]) -> Callable[..., Coroutine[Any, Any, R]]:
        # A method's `self` stays the first argument.
        first = next(iter(inspect.signature(function).parameters), "")
        place = int(first in ("self", "cls"))

        @functools.wraps(function)
        async def call(*args: Any, **kwargs: Any) -> R:
            async with lend() as lent:
                return await function(*args[:place], pick(lent), *args[place:], **kwargs)

        return call

    return decorate


def with_connection_monitoring(
    function: Callable[P, Awaitable[R]],
) -> Callable[P, Awaitable[R]]:
    """Count each call of a coroutine function as one use of a connection.

    What the function uses itself is not counted besides.
    """

    @functools.wraps(function)
    async def call(*args: P.args, **kwargs: P.kwargs) -> R:
        with monitored_call():
            return await function(*args, **kwargs)

    return call


def retry_on_connection_failure(
    max_retries: int = 3, retry_delay: float = 1.0, backoff_factor: float = 2.0
) -> Callable[[Callable[P, Awaitable[R]]], Callable[P, Awaitable[R]]]:
    """Call a coroutine function again when it fails for want of a connection.

    Args:
        max_retries: how many calls there may be after the first.
        retry_delay: seconds before the second call.
        backoff_factor: how many times longer each further delay is.
    """

    def decorate(function: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
        @functools.wraps(function)
        async def call(*args: P.args, **kwargs: P.kwargs) -> R:
            delay = retry_delay
            for retry in range(1, max_retries + 1):
                try:
                    return await function(*args, **kwargs)
                except CONNECTION_FAILURES as error:
                    logger.warning(
                        "%s: %s; retry %d of %d in %g s",
                        function.__qualname__, error, retry, max_retries, delay,
                    )  # fmt: skip
                await asyncio.sleep(delay)
                delay *= backoff_factor
            return await function(*args, **kwargs)

        return call

    return decorate
