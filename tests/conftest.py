"""Fixtures that every test directory shares: real servers, never a mock."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings

from naq.server import NatsServer, run_nats_server

# A busy machine is not a slow law.
settings.register_profile("naq", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("naq")


def pytest_xdist_auto_num_workers() -> int:
    """Use twice as many processes as there are cores: many tests wait for servers."""
    return 2 * (os.cpu_count() or 1)


@pytest.fixture
def nats_server() -> Iterator[NatsServer]:
    """A fresh nats-server with JetStream, a random port and a temporary store."""
    with run_nats_server() as server:
        yield server


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    """Wait until a condition holds, which another process brings about."""

    async def wait(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while True:
                if condition():
                    return
                await asyncio.sleep(0.005)

    return wait
