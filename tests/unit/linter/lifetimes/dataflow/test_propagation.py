"""Propagation: each path ends with the connection closed, escaped or leaked."""

from __future__ import annotations

from tests.unit.linter.lifetimes.sites import site_of


def test_the_leak_names_the_line_that_leaves_the_path() -> None:
    site = site_of("""
        async def f(url):
            nc = await nats.connect(url)
            print("x")
            await nc.flush()
            await nc.close()
        """)
    assert site.leaks[0].line == site.call.lineno + 2
