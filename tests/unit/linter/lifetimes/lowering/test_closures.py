"""Closures: nested functions use and close the names around them."""

from __future__ import annotations

import pytest

from tests.unit.linter.lifetimes.sites import assert_leak, assert_no_leak, assert_owned, site_of

CLEAN = {
    "a nested function closes it": """
        async def f(url):
            nc = await nats.connect(url)

            async def stop():
                await nc.drain()

            try:
                await nc.flush()
            finally:
                await stop()
        """,
}


@pytest.mark.parametrize("code", CLEAN.values(), ids=CLEAN.keys())
def test_a_connection_closed_on_every_path_does_not_leak(code: str) -> None:
    assert_no_leak(code)


LEAKING = {
    f"only looked at by {call}": (
        "ends",
        f"""
        async def f(url, log):
            nc = await nats.connect(url)

            async def handler(message):
                await nc.publish("b", message.data)

            {call}
            await nc.subscribe("a", cb=handler)
        """,
    )
    for call in (
        "print(handler)",
        "assert callable(handler)",
        "log.info('handled by %s', handler)",
        "asyncio.iscoroutinefunction(handler) or isinstance(handler, object)",
    )
} | {
    "borrowed by a function": (
        "ends",
        """
        from shop.work import repeat

        async def f(url):
            nc = await nats.connect(url)

            async def send():
                await nc.publish("a", b"")

            await repeat(send)
        """,
    ),
}


@pytest.mark.parametrize(("how", "code"), LEAKING.values(), ids=LEAKING.keys())
def test_a_path_that_leaves_it_open_is_a_leak(how: str, code: str) -> None:
    assert_leak(how, code)


OWNED = {
    "a signal handler closes it": """
        async def f(url, loop):
            nc = await nats.connect(url)

            async def stop():
                await nc.drain()

            loop.add_signal_handler(2, lambda: asyncio.create_task(stop()))
            await nc.subscribe("a")
        """,
    "a route that captures it": """
        async def f(app, url):
            nc = await nats.connect(url)

            @app.get("/")
            async def handler():
                await nc.publish("a", b"")
        """,
    "a function that borrows it closes it": """
        from shop.work import run_until

        async def f(url):
            nc = await nats.connect(url)

            async def stop():
                await nc.drain()

            await run_until(stop)
        """,
    "a server keeps it": """
        async def f(url, server):
            nc = await nats.connect(url)

            async def handler(message):
                await nc.publish("a", message)

            await server.start(handler)
        """,
    "an exit hook closes it": """
        import atexit

        async def f(url):
            nc = await nats.connect(url)
            atexit.register(lambda: asyncio.run(nc.close()))
            await nc.flush()
        """,
    "a finalizer closes it": """
        async def f(request, url):
            nc = await nats.connect(url)
            request.addfinalizer(lambda: asyncio.run(nc.close()))
        """,
}


@pytest.mark.parametrize("code", OWNED.values(), ids=OWNED.keys())
def test_a_connection_owned_elsewhere_is_not_manual(code: str) -> None:
    assert_owned(code)


def test_a_connection_used_only_in_a_callback_is_used() -> None:
    site = site_of("""
        async def f(url):
            nc = await nats.connect(url, reconnected_cb=lambda: print(nc.connected_url))
            await nc.close()
        """)
    assert site.manual
    assert len(site.uses) == 1
