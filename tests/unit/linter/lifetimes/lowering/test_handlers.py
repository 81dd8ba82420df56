"""Handlers: an exception takes the first clause that catches it, a `finally` runs on every exit."""

from __future__ import annotations

import pytest

from tests.unit.linter.lifetimes.sites import assert_leak, assert_no_leak, assert_owned

CLEAN = {
    "an except for everything that goes on": """
        async def f(url):
            nc = await nats.connect(url)
            try:
                await nc.flush()
            except BaseException:
                await nc.close()
                raise
            await nc.close()
        """,
    "an exception group": """
        async def f(url):
            nc = await nats.connect(url)
            try:
                await nc.flush()
            except* OSError:
                raise
            finally:
                await nc.close()
        """,
    "a close in each end of a try": """
        async def f(url):
            nc = await nats.connect(url)
            try:
                await nc.flush()
            except BaseException:
                await nc.close()
                raise
            else:
                await nc.close()
        """,
}


@pytest.mark.parametrize("code", CLEAN.values(), ids=CLEAN.keys())
def test_a_connection_closed_on_every_path_does_not_leak(code: str) -> None:
    assert_no_leak(code)


LEAKING = {
    "except Exception does not stop a cancellation": (
        "cancelled",
        """
        async def f(url):
            nc = await nats.connect(url)
            try:
                await nc.flush()
            except Exception:
                pass
            await nc.close()
        """,
    ),
    "a finally that closes something else": (
        "ends",
        """
        async def f(url, server):
            nc = await nats.connect(url)
            try:
                await nc.flush()
            finally:
                await server.shutdown()
        """,
    ),
    "acquired in a try, used after it": (
        "raises",
        """
        async def f(url):
            try:
                nc = await nats.connect(url)
            except OSError:
                return
            await nc.flush()
            await nc.close()
        """,
    ),
    "a swallowed exception that skips the close": (
        "raises",
        """
        async def f(url):
            try:
                nc = await nats.connect(url)
                await nc.flush()
                await nc.close()
            except Exception:
                print("failed")
        """,
    ),
    "a failing call in the finally": (
        "raises",
        """
        async def f(url):
            nc = await nats.connect(url)
            try:
                await nc.publish("a", b"")
            finally:
                await nc.flush()
                await nc.close()
        """,
    ),
    "closed where one kind of exception goes": (
        "raises",
        """
        async def f(url):
            nc = await nats.connect(url)
            try:
                await nc.flush()
            except OSError:
                await nc.close()
            else:
                await nc.close()
        """,
    ),
}


@pytest.mark.parametrize(("how", "code"), LEAKING.values(), ids=LEAKING.keys())
def test_a_path_that_leaves_it_open_is_a_leak(how: str, code: str) -> None:
    assert_leak(how, code)


OWNED = {
    "returned, closed when setting up fails": """
        async def f(url):
            nc = await nats.connect(url)
            try:
                await nc.flush()
            except Exception:
                await nc.close()
                raise
            return nc
        """,
    "a test fails when it succeeds": """
        class Refused:
            async def test(self, url):
                try:
                    await nats.connect(url)
                    self.fail("accepted")
                except OSError:
                    pass
        """,
}


@pytest.mark.parametrize("code", OWNED.values(), ids=OWNED.keys())
def test_a_connection_owned_elsewhere_is_not_manual(code: str) -> None:
    assert_owned(code)
