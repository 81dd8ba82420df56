"""Nullness: flags and None decide which paths exist."""

from __future__ import annotations

import pytest

from tests.unit.linter.lifetimes.sites import assert_leak, assert_no_leak

CLEAN = {
    "none before the try": """
        async def f(url):
            nc = None
            try:
                nc = await nats.connect(url)
                await nc.flush()
            finally:
                if nc is not None:
                    await nc.close()
        """,
    "a flag says who owns it": """
        async def f(url, js=None):
            own = False
            nc = None
            try:
                if js is None:
                    nc = await nats.connect(url)
                    own = True
                    js = nc.jetstream()
                await js.publish("a", b"")
            finally:
                if own:
                    await nc.close()
        """,
    "a flag that asks whether it was given": """
        async def f(url, nc=None):
            own = nc is None
            if nc is None:
                nc = await nats.connect(url)
            try:
                await nc.flush()
            finally:
                if own:
                    await nc.close()
        """,
    "a flag set beside it": """
        async def f(url, nc=None):
            own = False
            if not nc:
                nc, own = await nats.connect(url), True
            try:
                await nc.flush()
            finally:
                if own:
                    await nc.close()
        """,
}


@pytest.mark.parametrize("code", CLEAN.values(), ids=CLEAN.keys())
def test_a_connection_closed_on_every_path_does_not_leak(code: str) -> None:
    assert_no_leak(code)


LEAKING = {
    "a flag that asks the opposite": (
        "ends",
        """
        async def f(url, nc=None):
            given = nc is None
            if nc is None:
                nc = await nats.connect(url)
            if not given:
                await nc.close()
        """,
    ),
}


@pytest.mark.parametrize(("how", "code"), LEAKING.values(), ids=LEAKING.keys())
def test_a_path_that_leaves_it_open_is_a_leak(how: str, code: str) -> None:
    assert_leak(how, code)
