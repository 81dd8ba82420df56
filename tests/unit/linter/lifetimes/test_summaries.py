"""Summaries: what the module's own functions do with a connection."""

from __future__ import annotations

import pytest

from tests.unit.linter.lifetimes.sites import assert_no_leak, sites_of

CLEAN = {
    "a helper of the module closes it": """
        async def shut(nc):
            if not nc.is_closed:
                await nc.close()

        async def f(url):
            nc = await nats.connect(url)
            try:
                await nc.flush()
            finally:
                await shut(nc)
        """,
    "a helper that looks its close up": """
        async def shut(connection):
            close = getattr(connection, "close", None)
            if close is None:
                return
            await close()

        async def f(url):
            nc = await nats.connect(url)
            try:
                await nc.flush()
            finally:
                await shut(nc)
        """,
    "an opener that is handed in by default": """
        async def connect(url):
            return await nats.connect(url)

        async def f(url, *, connect=connect):
            nc = await connect(url)
            try:
                await nc.flush()
            finally:
                await nc.close()
        """,
}


@pytest.mark.parametrize("code", CLEAN.values(), ids=CLEAN.keys())
def test_a_connection_closed_on_every_path_does_not_leak(code: str) -> None:
    assert_no_leak(code)


def test_a_function_that_returns_a_fresh_connection_is_an_opener() -> None:
    made, used = sites_of("""
        async def make(url):
            nc = NATS()
            await nc.connect(url)
            return nc, nc.jetstream()

        async def use(url):
            nc, js = await make(url)
            await js.publish("a", b"")
            await nc.close()
        """)
    assert made.owned
    assert used.manual
    assert (used.handle, [derived.name for derived in used.derived]) == ("nc", ["js"])


def test_a_function_that_returns_a_kept_connection_is_no_opener() -> None:
    (site,) = sites_of("""
        _nc = None

        async def get(url):
            global _nc
            if _nc is None:
                _nc = await nats.connect(url)
            return _nc

        async def use(url):
            nc = await get(url)
            await nc.flush()
        """)
    assert site.owned
