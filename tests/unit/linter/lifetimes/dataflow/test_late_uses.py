"""Late uses: uses that can only run after a close."""

from __future__ import annotations

import ast

import pytest

from tests.unit.linter.lifetimes.sites import sites_of

LATE = {
    "in the text": (
        "after",
        """
        async def f(url):
            nc = await nats.connect(url)
            await nc.close()
            await nc.flush()
        """,
    ),
    "on the next turn": (
        "turn",
        """
        async def f(url, names):
            nc = await nats.connect(url)
            for name in names:
                await nc.publish(name, b"")
                await nc.close()
        """,
    ),
    "on the next turn, by a handle": (
        "turn",
        """
        async def f(url):
            nc = await nats.connect(url)
            js = nc.jetstream()
            while True:
                try:
                    await js.publish("a", b"")
                finally:
                    await nc.drain()
        """,
    ),
    "in a task of the last statement": (
        "task",
        """
        async def f(url):
            async with await nats.connect(url) as nc:
                await nc.flush()
                asyncio.create_task(nc.publish("a", b""))
        """,
    ),
    "in a task right before the close": (
        "task",
        """
        async def f(url):
            nc = await nats.connect(url)
            asyncio.ensure_future(nc.publish("a", b""))
            await nc.close()
        """,
    ),
    "in a lambda that is returned": (
        "returned",
        """
        async def f(url):
            async with await nats.connect(url) as nc:
                return lambda: nc.publish("a", b"")
        """,
    ),
    "in a function that is returned past a finally": (
        "returned",
        """
        async def f(url):
            nc = await nats.connect(url)
            try:
                js = nc.jetstream()

                async def send():
                    await js.publish("a", b"")

                return send
            finally:
                await nc.close()
        """,
    ),
    "in a function that is kept": (
        "kept",
        """
        async def f(self, url):
            async with await nats.connect(url) as nc:
                self.send = lambda: nc.publish("a", b"")
        """,
    ),
}


@pytest.mark.parametrize(("how", "code"), LATE.values(), ids=LATE.keys())
def test_a_use_after_the_close_is_late(how: str, code: str) -> None:
    (site,) = sites_of(code)
    assert [use.how for use in site.late_uses] == [how]


IN_TIME = {
    "the loop ends with the close": """
        async def f(url, names):
            nc = await nats.connect(url)
            for name in names:
                await nc.publish(name, b"")
                await nc.close()
                break
        """,
    "the loop closes on a condition": """
        async def f(url, names):
            nc = await nats.connect(url)
            for name in names:
                await nc.publish(name, b"")
                if name:
                    await nc.close()
        """,
    "the loop asks before it uses": """
        async def f(url, names):
            nc = await nats.connect(url)
            for name in names:
                if not nc.is_closed:
                    await nc.publish(name, b"")
                await nc.close()
        """,
    "the loop opens again": """
        async def f(url, names):
            for name in names:
                nc = await nats.connect(url)
                await nc.publish(name, b"")
                await nc.close()
        """,
    "the loop takes another one": """
        async def f(url, count):
            clients = [await nats.connect(url) for _ in range(count)]
            for nc in clients:
                await nc.flush()
                await nc.close()
        """,
    "the task is awaited": """
        async def f(url):
            async with await nats.connect(url) as nc:
                task = asyncio.create_task(nc.flush())
                await task
        """,
    "the task has the time to run": """
        async def f(url, stopped):
            async with await nats.connect(url) as nc:
                asyncio.create_task(nc.flush())
                await stopped.wait()
        """,
    "what is kept serves while the block lasts": """
        async def f(self, url):
            async with await nats.connect(url) as nc:
                self.send = lambda: nc.publish("a", b"")
                await self.stopped.wait()
        """,
    "what is returned only asks": """
        async def f(url):
            async with await nats.connect(url) as nc:
                return lambda: nc.is_closed
        """,
    "what is returned closes": """
        async def f(url):
            nc = await nats.connect(url)
            try:
                return lambda: nc.close()
            except OSError:
                await nc.close()
                raise
        """,
    "the task closes": """
        async def f(url):
            async with await nats.connect(url) as nc:
                asyncio.create_task(nc.drain())
        """,
}


@pytest.mark.parametrize("code", IN_TIME.values(), ids=IN_TIME.keys())
def test_a_use_that_may_come_before_the_close_is_not_late(code: str) -> None:
    assert [ast.unparse(use.node) for site in sites_of(code) for use in site.late_uses] == []
