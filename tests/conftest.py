"""Fixtures that every test directory shares: real servers, never a mock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from naq.server import NatsServer, run_nats_server


@pytest.fixture
def nats_server() -> Iterator[NatsServer]:
    """A fresh nats-server with JetStream, a random port and a temporary store."""
    with run_nats_server() as server:
        yield server
