"""Shared fixtures of the queue's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from naq.connection import close_all_connections
from naq.server import NatsServer


@pytest.fixture
async def url(nats_server: NatsServer) -> AsyncIterator[str]:
    """The URL of a fresh server; what the test leaves connected is closed."""
    yield nats_server.url
    await close_all_connections()
