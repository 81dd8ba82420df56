"""Expressions: a value keeps its connection through displays and comprehensions."""

from __future__ import annotations

import pytest

from tests.unit.linter.lifetimes.sites import assert_no_leak, assert_owned

CLEAN = {
    "one of what was gathered": """
        async def f(url, load):
            results = await asyncio.gather(nats.connect(url), load())
            nc = results[0]
            try:
                await nc.flush()
            finally:
                await nc.close()
        """,
    "comprehensions between": """
        async def f(url, names):
            nc = await nats.connect(url)
            try:
                [await nc.publish(name, b"") for name in names]
                {name: await nc.request(name, b"") async for name in names}
            finally:
                await nc.close()
        """,
}


@pytest.mark.parametrize("code", CLEAN.values(), ids=CLEAN.keys())
def test_a_connection_closed_on_every_path_does_not_leak(code: str) -> None:
    assert_no_leak(code)


OWNED = {
    "a lambda": """
        connect = lambda url: nats.connect(url)
        """,
    "a list that is returned": """
        async def f(urls):
            return [await nats.connect(url) for url in urls]
        """,
}


@pytest.mark.parametrize("code", OWNED.values(), ids=OWNED.keys())
def test_a_connection_owned_elsewhere_is_not_manual(code: str) -> None:
    assert_owned(code)
