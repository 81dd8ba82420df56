"""Bindings: aliases, rebinding, and places that outlive the scope."""

from __future__ import annotations

import pytest

from tests.unit.linter.lifetimes.sites import assert_leak, assert_no_leak, assert_owned

CLEAN = {
    "closed through another name": """
        async def f(url):
            connection = await nats.connect(url)
            nc = connection
            try:
                await nc.flush()
            finally:
                await connection.close()
        """,
}


@pytest.mark.parametrize("code", CLEAN.values(), ids=CLEAN.keys())
def test_a_connection_closed_on_every_path_does_not_leak(code: str) -> None:
    assert_no_leak(code)


LEAKING = {
    "the name given to another": (
        "rebound",
        """
        async def f(url):
            nc = await nats.connect(url)
            nc = await nats.connect(url)
            await nc.close()
        """,
    ),
    "deleted": (
        "rebound",
        """
        async def f(url):
            nc = await nats.connect(url)
            del nc
        """,
    ),
}


@pytest.mark.parametrize(("how", "code"), LEAKING.values(), ids=LEAKING.keys())
def test_a_path_that_leaves_it_open_is_a_leak(how: str, code: str) -> None:
    assert_leak(how, code)


OWNED = {
    "kept on self": """
        async def f(self, url):
            self.nc = await nats.connect(url)
            await self.nc.flush()
        """,
    "only a handle kept": """
        async def f(self, url):
            nc = await nats.connect(url)
            self._kv = await nc.jetstream().key_value("b")
        """,
    "a global": """
        async def f(url):
            global nc
            nc = await nats.connect(url)
        """,
    "a container that outlives": """
        async def f(self, url):
            self.pool[url] = await nats.connect(url)
        """,
    "an attribute of a class": """
        class Settings:
            nc = asyncio.run(nats.connect("x"))
        """,
}


@pytest.mark.parametrize("code", OWNED.values(), ids=OWNED.keys())
def test_a_connection_owned_elsewhere_is_not_manual(code: str) -> None:
    assert_owned(code)
