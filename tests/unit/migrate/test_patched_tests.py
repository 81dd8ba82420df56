"""Unit tests that replace the connection by a mock: how they fail after a rewrite, what they need."""

from types import ModuleType, SimpleNamespace
from unittest.mock import AsyncMock, patch

import pytest

from flake8_naq.migrate.fixer import Options
from tests.unit.migrate.record_pairs import fix

BEFORE = """\
from nats.aio.client import Client as NATS


async def publish(url):
    nc = NATS()
    await nc.connect(url)
    try:
        await nc.publish("orders", b"1")
    finally:
        await nc.close()
"""


@pytest.fixture(scope="module")
def app() -> ModuleType:
    """The module after a safe fix."""
    outcome = fix("app", BEFORE.encode(), Options())
    assert outcome.changed
    module = ModuleType("app")
    exec(outcome.text, module.__dict__)
    return module


async def test_the_patched_class_is_gone(app: ModuleType) -> None:
    with pytest.raises(AttributeError), patch.object(app, "NATS"):
        pass


async def test_a_mock_enters_the_block_as_another_mock(app: ModuleType) -> None:
    nc = AsyncMock()
    with patch("nats.connect", AsyncMock(return_value=nc)):
        await app.publish("nats://localhost")
    nc.publish.assert_not_awaited()
    nc.close.assert_not_awaited()


async def test_an_object_without_aenter_is_no_connection(app: ModuleType) -> None:
    connect = AsyncMock(return_value=SimpleNamespace(publish=AsyncMock(), close=AsyncMock()))
    with patch("nats.connect", connect), pytest.raises(TypeError):
        await app.publish("nats://localhost")


async def test_a_mock_that_enters_as_itself_sees_the_use_and_the_end(app: ModuleType) -> None:
    nc = AsyncMock()
    nc.__aenter__.return_value = nc
    with patch("nats.connect", AsyncMock(return_value=nc)):
        await app.publish("nats://localhost")
    nc.publish.assert_awaited_once_with("orders", b"1")
    nc.__aexit__.assert_awaited_once()
