"""Statements: branches, loops and jumps."""

from __future__ import annotations

import pytest

from tests.unit.linter.lifetimes.sites import assert_leak, assert_no_leak

CLEAN = {
    "early returns past a finally": """
        async def f(url, xs):
            nc = await nats.connect(url)
            try:
                for x in xs:
                    if x:
                        return x
                    while await g(x):
                        if x > 1:
                            break
                        continue
                    else:
                        return 2
            finally:
                await nc.close()
        """,
    "a match with a close in each arm": """
        async def f(url, x):
            nc = await nats.connect(url)
            match x:
                case 1:
                    await nc.close()
                case {"a": y}:
                    await nc.close()
                case _:
                    await nc.close()
        """,
    "the end of the process": """
        import sys

        async def f(url, usage):
            nc = await nats.connect(url)
            if usage:
                print(usage)
                sys.exit(2)
            await nc.close()
        """,
    "in a decorator": """
        def with_connection(function):
            async def wrapper(*args):
                nc = await nats.connect()
                try:
                    return await function(nc, *args)
                finally:
                    await nc.close()

            return wrapper
        """,
    "a class body that closes what it opened": """
        class Settings:
            loop = asyncio.new_event_loop()
            nc = loop.run_until_complete(nats.connect("x"))
            loop.run_until_complete(nc.close())
        """,
    "in a loop over them all": """
        async def f(a, b):
            x = y = None
            try:
                x = await nats.connect(a)
                y = await nats.connect(b)
                await x.flush()
            finally:
                for nc in (x, y):
                    if nc:
                        await nc.close()
        """,
}


@pytest.mark.parametrize("code", CLEAN.values(), ids=CLEAN.keys())
def test_a_connection_closed_on_every_path_does_not_leak(code: str) -> None:
    assert_no_leak(code)


LEAKING = {
    "an await between": (
        "raises",
        """
        async def f(url):
            nc = await nats.connect(url)
            await nc.flush()
            await nc.close()
        """,
    ),
    "an early return": (
        "returns",
        """
        async def f(url, x):
            nc = await nats.connect(url)
            if x:
                return None
            await nc.close()
        """,
    ),
    "closed in one branch": (
        "ends",
        """
        async def f(url, x):
            nc = await nats.connect(url)
            if x:
                await nc.close()
        """,
    ),
    "a close that is never reached": (
        "raises",
        """
        async def f(url):
            nc = await nats.connect(url)
            while True:
                await nc.flush()
            await nc.drain()
        """,
    ),
    "an early raise": (
        "raises",
        """
        async def f(url, x):
            nc = await nats.connect(url)
            if not x:
                raise ValueError(x)
            await nc.close()
        """,
    ),
    "an arm of a match without a close": (
        "ends",
        """
        async def f(url, x):
            nc = await nats.connect(url)
            match x:
                case 1:
                    await nc.close()
                case 2:
                    pass
        """,
    ),
    "a generator that is left in the middle": (
        "raises",
        """
        async def f(url):
            nc = await nats.connect(url)
            yield 1
            await nc.close()
        """,
    ),
}


@pytest.mark.parametrize(("how", "code"), LEAKING.values(), ids=LEAKING.keys())
def test_a_path_that_leaves_it_open_is_a_leak(how: str, code: str) -> None:
    assert_leak(how, code)
