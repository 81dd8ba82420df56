"""Calls: each derives, closes, keeps or only uses a connection."""

from __future__ import annotations

import ast

import pytest

from tests.unit.linter.lifetimes.sites import (
    assert_leak,
    assert_managed,
    assert_no_leak,
    assert_owned,
    site_of,
)

CLEAN = {
    "only calm calls before the try": """
        async def f(url):
            nc = await nats.connect(url)
            js = nc.jetstream()
            print("connected", nc.connected_url)
            done = asyncio.Event()
            asyncio.get_running_loop().add_signal_handler(2, done.set)
            try:
                await js.publish("a", b"")
            finally:
                await nc.close()
        """,
    "closed by its method under another name": """
        async def f(url):
            nc = await nats.connect(url)
            try:
                await nc.flush()
            finally:
                close = getattr(nc, "close", None)
                if close is not None:
                    await close()
        """,
}


@pytest.mark.parametrize("code", CLEAN.values(), ids=CLEAN.keys())
def test_a_connection_closed_on_every_path_does_not_leak(code: str) -> None:
    assert_no_leak(code)


LEAKING = {
    "a handle goes to a function of an imported module": (
        "ends",
        """
        from shop import work

        async def f(url):
            nc = await nats.connect(url)
            js = nc.jetstream()
            await work.js_worker(js)
        """,
    ),
    "a handle goes to a function that sets something up": (
        "ends",
        """
        from shop.streams import setup_streams

        async def f(url):
            nc = await nats.connect(url)
            await setup_streams(nc.jetstream())
        """,
    ),
    "look-alike closes": (
        "ends",
        """
        async def f(url, sid):
            nc = await nats.connect(url)
            sub = await nc.subscribe("a")
            await sub.drain()
            await nc.drain(sid)
        """,
    ),
    "a close that nobody awaits": (
        "ends",
        """
        async def f(url):
            nc = await nats.connect(url)
            nc.close()
        """,
    ),
}


@pytest.mark.parametrize(("how", "code"), LEAKING.values(), ids=LEAKING.keys())
def test_a_path_that_leaves_it_open_is_a_leak(how: str, code: str) -> None:
    assert_leak(how, code)


MANAGED = {
    "an exit stack": """
        async def f(url):
            async with contextlib.AsyncExitStack() as stack:
                nc = await stack.enter_async_context(await nats.connect(url))
                await nc.flush()
        """,
}


@pytest.mark.parametrize("code", MANAGED.values(), ids=MANAGED.keys())
def test_a_connection_of_a_context_manager_is_managed(code: str) -> None:
    assert_managed(code)


OWNED = {
    "a handle goes to a function that registers it": """
        from shop import streams

        async def f(url):
            nc = await nats.connect(url)
            await streams.register(nc.jetstream())
        """,
    "a handle goes to a function that makes something of it": """
        from shop.service import make_service

        async def f(url):
            nc = await nats.connect(url)
            service = await make_service(nc.jetstream())
            await service.run()
        """,
    "a connection goes to a function that sets something up": """
        from shop import streams

        async def f(url):
            nc = await nats.connect(url)
            await streams.setup(nc)
        """,
    "handed to an object": """
        async def f(url):
            nc = await nats.connect(url)
            service = Service(nc)
            await service.run()
        """,
    "an exit stack calls its close": """
        async def f(url, stack):
            nc = await nats.connect(url)
            stack.push_async_callback(nc.close)
            await nc.flush()
        """,
    "an exit stack is given it": """
        async def f(url):
            async with contextlib.AsyncExitStack() as stack:
                nc = await nats.connect(url)
                stack.push_async_callback(nc.drain)
                await nc.flush()
        """,
    "a test case cleans up": """
        async def f(self, url):
            nc = await nats.connect(url)
            self.addAsyncCleanup(nc.close)
        """,
    "a future that somebody waits for": """
        async def f(url, waiting):
            nc = await nats.connect(url)
            waiting.set_result(nc)
        """,
    "a copy of an object": """
        import dataclasses

        async def f(service, url):
            nc = await nats.connect(url)
            return dataclasses.replace(service, nc=nc)
        """,
    "a signal handler is given it": """
        async def f(url, loop, stop):
            nc = await nats.connect(url)
            loop.add_signal_handler(2, stop, nc)
            await nc.subscribe("a")
        """,
    "a context variable": """
        async def f(url, current):
            nc = await nats.connect(url)
            current.set(nc)
        """,
    "an attribute set by its name": """
        async def f(self, url):
            nc = await nats.connect(url)
            setattr(self, "nc", nc)
        """,
    "a method looked up by a name that nobody knows": """
        async def f(url, method):
            nc = await nats.connect(url)
            await getattr(nc, method)()
        """,
    "returned in a dict that is called for": """
        async def f(url):
            nc = await nats.connect(url)
            return dict(nc=nc)
        """,
}


@pytest.mark.parametrize("code", OWNED.values(), ids=OWNED.keys())
def test_a_connection_owned_elsewhere_is_not_manual(code: str) -> None:
    assert_owned(code)


def test_handles_carry_their_connection() -> None:
    site = site_of("""
        async def f(url):
            nc = await nats.connect(url)
            js = nc.jetstream()
            kv = await js.key_value("jobs")
            sub = await nc.subscribe("a")
            await kv.put("k", b"v")
            await nc.close()
        """)
    kinds = [(derived.kind, derived.name, derived.parent) for derived in site.derived]
    assert kinds == [
        ("jetstream", "js", "nc"),
        ("kv", "kv", "js"),
        ("subscription", "sub", "nc"),
    ]
    assert [ast.unparse(use) for use in site.uses] == ["kv"]
