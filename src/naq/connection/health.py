"""Checks whether servers answer, and how fast."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TypedDict

import nats.errors

from naq.config import Config, as_config
from naq.connection.context_managers import nats_connection, nats_jetstream
from naq.exceptions import NaqConnectionError

logger = logging.getLogger("naq.connection")

_FLUSH_TIMEOUT = 5


class ConnectionPerformance(TypedDict):
    """The result of ``measure_connection_performance``.

    Attributes:
        average_time: average seconds to connect; 0 if none succeeded.
        min_time: seconds of the fastest connect.
        max_time: seconds of the slowest connect.
        success_rate: the share of successful connects, from 0 to 1.
    """

    average_time: float
    min_time: float
    max_time: float
    success_rate: float


async def test_nats_connection(config: Config | str | None = None) -> bool:
    """Return whether a server answers on the shared connection.

    Args:
        config: a configuration, a URL, or None for the process's configuration.
    """
    try:
        async with nats_connection(config) as conn:
            await conn.flush(timeout=_FLUSH_TIMEOUT)
    except (NaqConnectionError, nats.errors.Error) as error:
        logger.debug("no connection: %s", error)
        return False
    return True


async def test_jetstream_connection(config: Config | str | None = None) -> bool:
    """Return whether JetStream answers on the shared connection.

    Args:
        config: a configuration, a URL, or None for the process's configuration.
    """
    try:
        async with nats_jetstream(config) as (_, js):
            await js.account_info()
    except (NaqConnectionError, nats.errors.Error) as error:
        logger.debug("no JetStream: %s", error)
        return False
    return True


# pytest collects what is called test_something, wherever it is imported.
test_nats_connection.__test__ = False  # type: ignore[attr-defined]
test_jetstream_connection.__test__ = False  # type: ignore[attr-defined]


async def wait_for_nats_connection(
    config: Config | str | None = None, timeout: float = 30, interval: float = 1.0
) -> bool:
    """Wait until a server answers; return whether one did in time.

    Args:
        config: a configuration, a URL, or None for the process's configuration.
        timeout: seconds to wait.
        interval: seconds between two attempts.
    """
    try:
        async with asyncio.timeout(timeout):
            while True:
                if await test_nats_connection(config):
                    return True
                await asyncio.sleep(interval)
    except TimeoutError:
        return False


async def measure_connection_performance(
    config: Config | str | None = None, iterations: int = 10
) -> ConnectionPerformance:
    """Open, use and close connections one after the other, and measure how long each takes.

    Args:
        config: a configuration, a URL, or None for the process's configuration.
        iterations: how many connections.
    """
    settings = as_config(config)
    times = []
    for _ in range(iterations):
        began = time.perf_counter()
        try:
            async with nats_connection(settings, exclusive=True) as conn:
                await conn.flush()
        except (NaqConnectionError, nats.errors.Error) as error:
            logger.debug("no connection: %s", error)
        else:
            times.append(time.perf_counter() - began)
    return ConnectionPerformance(
        average_time=sum(times) / len(times) if times else 0.0,
        min_time=min(times, default=0.0),
        max_time=max(times, default=0.0),
        success_rate=len(times) / iterations if iterations else 0.0,
    )
