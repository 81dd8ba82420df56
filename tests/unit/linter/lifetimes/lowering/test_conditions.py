"""Conditions: each branch knows the answer that leads to it."""

from __future__ import annotations

import pytest

from tests.unit.linter.lifetimes.sites import assert_no_leak

CLEAN = {
    "asked whether it is connected": """
        async def f(url):
            nc = NATS()
            try:
                await nc.connect(url)
                await nc.flush()
            finally:
                if nc and nc.is_connected:
                    await nc.drain()
        """,
    "the same question twice": """
        async def f(url, mode):
            if mode == "live":
                nc = await nats.connect(url)
            try:
                await work()
            finally:
                if mode == "live":
                    await nc.close()
        """,
    "bound at all": """
        async def f(url):
            try:
                nc = await nats.connect(url)
                await nc.flush()
            finally:
                if "nc" in locals():
                    await nc.close()
        """,
    "a walrus": """
        async def f(url):
            if nc := await nats.connect(url):
                try:
                    await nc.flush()
                finally:
                    await nc.close()
        """,
    "the given one or another": """
        async def f(url, given=None):
            nc = given or await nats.connect(url)
            try:
                await nc.flush()
            finally:
                if given is None:
                    await nc.close()
        """,
    "closed unless it is the given one": """
        async def f(url, given=None):
            nc = given if given is not None else await nats.connect(url)
            try:
                await nc.flush()
            finally:
                if nc is not given:
                    await nc.close()
        """,
    "whichever way it is at the end": """
        async def f(url):
            nc = await nats.connect(url)
            try:
                await nc.flush()
            finally:
                if nc.is_connected:
                    await nc.drain()
                elif not nc.is_closed:
                    await nc.close()
        """,
    "an and, as a statement": """
        async def f(url):
            nc = None
            try:
                nc = await nats.connect(url)
                await nc.flush()
            finally:
                nc is not None and await nc.close()
        """,
    "an if in one expression": """
        async def f(url):
            nc = None
            try:
                nc = await nats.connect(url)
                await nc.flush()
            finally:
                (await nc.close()) if nc else None
        """,
}


@pytest.mark.parametrize("code", CLEAN.values(), ids=CLEAN.keys())
def test_a_connection_closed_on_every_path_does_not_leak(code: str) -> None:
    assert_no_leak(code)
