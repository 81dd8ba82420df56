"""Repeats an operation on the server during an election or an outage."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import APIError, NoStreamResponseError

from naq.config import Config
from naq.connection import nats_jetstream
from naq.connection.dial import where
from naq.connection.nats_py.client import PermissionDeniedError
from naq.exceptions import (
    NaqAuthorizationError,
    NaqConnectionError,
    NaqConnectionLostError,
    NaqJetStreamError,
    NaqTimeoutError,
    describe_error,
)

T = TypeVar("T")

ELECTIONS: Final = {10004, 10005, 10008, 10009}
"""nats-server's codes for a cluster that has no leader, or too few members, for the moment."""

FIRST_WAIT: Final = 1.0
"""Seconds that the server may take to answer the first attempt; each further one has twice as long."""

_PAUSE: Final = 0.05
"""Seconds between two attempts."""

_PASSING: Final = (
    NaqConnectionError,
    NoStreamResponseError,
    TimeoutError,
    nats.errors.ConnectionClosedError,
    nats.errors.ConnectionReconnectingError,
    nats.errors.NoServersError,
    nats.errors.OutboundBufferLimitError,
    nats.errors.StaleConnectionError,
)

Action = Callable[[Client, JetStreamContext, float], Awaitable[T]]


async def with_retries(config: Config, task: str, action: Action[T]) -> T:
    """Repeat an idempotent operation until it succeeds or ``enqueue_timeout`` is over.

    A server that cannot be reached at the start is an error at once.

    Args:
        config: the configuration.
        task: its name, as in "cannot <task>".
        action: called with the connection, its JetStream and the seconds that the server has.

    Raises:
        NaqConnectionError: there is no connection, or the server did not answer in time.
    """
    deadline = time.monotonic() + config.enqueue_timeout
    wait = FIRST_WAIT
    has_begun = False
    while True:
        try:
            async with nats_jetstream(config) as (conn, js):
                has_begun = True
                return await action(conn, js, min(wait, config.request_timeout))
        except PermissionDeniedError as error:
            raise NaqAuthorizationError(f"cannot {task}: {error}") from error
        except (*_PASSING, APIError) as error:
            has_begun = has_begun or isinstance(error, NaqConnectionLostError)
            if not has_begun or not _may_pass(error):
                raise
            if time.monotonic() + _PAUSE >= deadline:
                raise _final(error, config, task) from error
        wait *= 2
        await asyncio.sleep(_PAUSE)


def _may_pass(error: Exception) -> bool:
    cause = error.__cause__ if isinstance(error, NaqJetStreamError) else error
    return cause.err_code in ELECTIONS if isinstance(cause, APIError) else True


def _final(error: Exception, config: Config, task: str) -> NaqConnectionError:
    prefix = f"cannot {task} within {config.enqueue_timeout:g} s: "
    if isinstance(error, NoStreamResponseError | APIError):
        return NaqJetStreamError(f"{prefix}JetStream on the {where(config)} is out of order")
    if isinstance(error, NaqConnectionError):
        return NaqConnectionLostError(f"{prefix}{error}")
    return NaqTimeoutError(f"{prefix}the {where(config)}: {describe_error(error)}")
