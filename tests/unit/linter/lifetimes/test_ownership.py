"""Ownership: a connection that leaves its function on purpose is not manual."""

from __future__ import annotations

import pytest

from tests.unit.linter.lifetimes.sites import assert_owned, manual_of, site_of

OWNED = {
    "returned": """
        async def f(url):
            return await nats.connect(url)
        """,
    "returned in a tuple": """
        async def f(url):
            nc = await nats.connect(url)
            return nc, nc.jetstream()
        """,
    "only a handle returned": """
        async def f(url):
            nc = await nats.connect(url)
            return await nc.jetstream().key_value("b")
        """,
    "returned inside an object": """
        async def f(cls, url):
            nc = await nats.connect(url)
            return cls(nc=nc, js=nc.jetstream())
        """,
    "a local container, returned": """
        async def f(urls):
            pool = []
            for url in urls:
                pool.append(await nats.connect(url))
            return pool
        """,
    "a fixture": """
        @pytest.fixture
        async def f():
            nc = await nats.connect("x")
            yield nc
            await nc.close()
        """,
    "a lifespan": """
        @contextlib.asynccontextmanager
        async def f(app):
            app.state.nc = await nats.connect("x")
            yield
            await app.state.nc.close()
        """,
    "a context manager that closes on a condition": """
        @contextlib.asynccontextmanager
        async def f(server, close=True):
            nc = server if isinstance(server, NATS) else await nats.connect(server)
            try:
                yield nc
            finally:
                if close:
                    await nc.close()
        """,
}


@pytest.mark.parametrize("code", OWNED.values(), ids=OWNED.keys())
def test_a_connection_owned_elsewhere_is_not_manual(code: str) -> None:
    assert_owned(code)


def test_a_retry_loop_opens_one_connection() -> None:
    (site,) = manual_of("""
        async def f(url):
            connected = False
            while not connected:
                try:
                    nc = await nats.connect(url)
                    connected = True
                except OSError:
                    await asyncio.sleep(1)
            await nc.close()
        """)
    assert site.in_loop is None


@pytest.mark.parametrize(
    ("closing", "body"),
    [
        ("finally", "try:\n        await nc.flush()\n    finally:\n        await nc.close()"),
        ("straight", "await nc.flush()\n    await nc.close()"),
        ("some", "if url:\n        await nc.close()"),
        ("never", "await nc.flush()"),
    ],
)
def test_the_closing_habit(closing: str, body: str) -> None:
    assert site_of(
        f"async def f(url):\n    nc = await nats.connect(url)\n    {body}\n"
    ).closing == (closing)


def test_a_partial_that_the_connection_gets_as_a_callback_is_no_new_owner() -> None:
    site = site_of("""
        async def f(url):
            nc = await nats.connect(url)
            kv = await nc.jetstream().key_value("b")
            await nc.subscribe("s", cb=functools.partial(handle, kv))
        """)
    assert site.manual


def test_a_partial_that_somebody_else_gets_is_a_new_owner() -> None:
    assert_owned("""
        async def f(url, app):
            nc = await nats.connect(url)
            app.on_close(functools.partial(finish, nc))
        """)
