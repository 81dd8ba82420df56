"""The pytest plugin: fixtures for tests of programs that use naq.

pytest loads this module wherever naq is installed, so it imports nothing but pytest, and changes
nothing until a test asks for a fixture. All names begin with ``naq_``.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from naq.config import Config
    from naq.server import NatsServer
    from naq.testing.inline import NaqInline
    from naq.testing.workers import NaqWorker

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def naq_server() -> Iterator[NatsServer]:
    """A real nats-server in a temporary folder, for all tests of the session."""
    from naq.server import run_nats_server

    with run_nats_server() as server:
        yield server


@pytest.fixture
def naq_config(naq_server: NatsServer) -> Iterator[Config]:
    """The process's configuration during a test: names of its own on `naq_server`."""
    from naq import config
    from naq.testing.workers import remove_streams

    before = config._current  # None until the program needs it, and again after the test
    own = config.Config(servers=(naq_server.url,), prefix=f"test{next(_numbers)}")
    config.configure(own)
    try:
        yield own
    finally:
        config._current = before
        config._parts.clear()
        remove_streams(own)


@pytest.fixture
def naq_worker(naq_config: Config) -> NaqWorker:
    """A worker on `naq_server`: its ``run()`` runs all jobs that are queued."""
    from naq.testing.workers import NaqWorker

    return NaqWorker(naq_config)


@pytest.fixture
def naq_inline(monkeypatch: pytest.MonkeyPatch) -> NaqInline:
    """Run jobs where they are enqueued, without a server."""
    from naq.testing.inline import NaqInline

    inline = NaqInline()
    for name, replacement in inline.replacements().items():
        monkeypatch.setattr(name, replacement)
    return inline
