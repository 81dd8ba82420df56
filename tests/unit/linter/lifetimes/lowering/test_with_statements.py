"""With statements: some close, some swallow, some expect a failure."""

from __future__ import annotations

import pytest

from tests.unit.linter.lifetimes.sites import (
    assert_leak,
    assert_managed,
    assert_no_leak,
    assert_owned,
)

CLEAN = {
    "closed in a swallowed try": """
        async def f(url):
            nc = await nats.connect(url)
            try:
                await nc.flush()
            finally:
                with contextlib.suppress(Exception):
                    await asyncio.wait_for(nc.close(), 1)
        """,
    "closed within a time": """
        async def f(url):
            nc = await nats.connect(url)
            try:
                await nc.flush()
            finally:
                async with asyncio.timeout(5):
                    await nc.drain()
        """,
}


@pytest.mark.parametrize("code", CLEAN.values(), ids=CLEAN.keys())
def test_a_connection_closed_on_every_path_does_not_leak(code: str) -> None:
    assert_no_leak(code)


LEAKING = {
    "aclosing calls an aclose that a client does not have": (
        "ends",
        """
        async def f(url):
            async with contextlib.aclosing(await nats.connect(url)) as nc:
                await nc.flush()
        """,
    ),
    "closing does not await the close": (
        "ends",
        """
        async def f(url):
            with contextlib.closing(await nats.connect(url)) as nc:
                await nc.flush()
        """,
    ),
}


@pytest.mark.parametrize(("how", "code"), LEAKING.values(), ids=LEAKING.keys())
def test_a_path_that_leaves_it_open_is_a_leak(how: str, code: str) -> None:
    assert_leak(how, code)


MANAGED = {
    "async with await": """
        async def f(url):
            async with await nats.connect(url) as nc:
                await nc.flush()
        """,
    "entered later": """
        async def f(url):
            nc = await nats.connect(url)
            async with nc:
                await nc.flush()
        """,
    "a client": """
        async def f(url):
            async with NATS() as nc:
                await nc.connect(url)
        """,
}


@pytest.mark.parametrize("code", MANAGED.values(), ids=MANAGED.keys())
def test_a_connection_of_a_context_manager_is_managed(code: str) -> None:
    assert_managed(code)


OWNED = {
    "expected to fail": """
        async def f(url):
            with pytest.raises(OSError):
                await nats.connect(url)
        """,
}


@pytest.mark.parametrize("code", OWNED.values(), ids=OWNED.keys())
def test_a_connection_owned_elsewhere_is_not_manual(code: str) -> None:
    assert_owned(code)
