"""Rule 14: a connection that is used after its close."""

import ast
from collections.abc import Iterator

from flake8_naq.lifetimes import ModuleAnalysis, Release, Site
from flake8_naq.rules.cures import named
from flake8_naq.rules.rule import Example, Problem, Rule


def check(analysis: ModuleAnalysis) -> Iterator[Problem]:
    """Report the first use of every connection (or of a handle) that its close has ended."""
    for site in analysis.sites:
        for use in site.uses_after_close[:1]:
            what = ast.unparse(use)
            line = _line_of_close(site, use)
            where = f" on line {line}" if line else ""
            subject = named(site) if what == site.handle else "its connection"
            yield Problem(
                use,
                f"`{what}` is used after {subject} was closed{where}: move the use before the close",
                site.qualname,
                site,
            )


def _line_of_close(site: Site, use: ast.expr) -> int:
    """The last line before a use that closes the connection, 0 for none."""
    lines = [_last_line(release) for release in site.releases]
    return max((line for line in lines if line <= use.lineno), default=0)


def _last_line(release: Release) -> int:
    statement = release.statement
    if isinstance(statement, (ast.With, ast.AsyncWith)):
        return statement.end_lineno or statement.lineno
    return release.call.lineno


RULE = Rule(
    number="14",
    name="use-after-close",
    defect=True,
    summary="The connection, or what was derived from it, is used after its close.",
    why="""\
A closed connection does not come back: every call on it, or on a JetStream context, bucket or
subscription of it, raises `ConnectionClosedError`. Only uses that every path has closed before are
reported.
""",
    bad=(
        Example(
            "a publish after the close",
            """\
import nats


async def stop(url):
    nc = await nats.connect(url)
    try:
        await nc.publish("stopping", b"")
    finally:
        await nc.close()
    await nc.publish("stopped", b"")
""",
            {5: "01", 10: "14"},
            fixed="""\
import nats


async def stop(url):
    async with await nats.connect(url) as nc:
        await nc.publish("stopping", b"")
    await nc.publish("stopped", b"")
""",
        ),
        Example(
            "a bucket after its block",
            """\
from naq.connection import nats_kv_store


async def take(key, config):
    async with nats_kv_store("jobs", config) as kv:
        entry = await kv.get(key)
    await kv.delete(key)
    return entry.value
""",
            {7: "14"},
            left_alone=True,
        ),
    ),
    good=(
        Example(
            "what may be asked of a closed connection",
            """\
import nats


async def ping(url):
    async with await nats.connect(url) as nc:
        await nc.flush()
    return nc.is_closed, nc.stats
""",
        ),
        Example(
            "connected again",
            """\
from nats.aio.client import Client


class Link:
    def __init__(self):
        self.nc = Client()

    async def reconnect(self, url):
        await self.nc.close()
        await self.nc.connect(url)
        await self.nc.publish("back", b"")
""",
        ),
        Example(
            "a handler that is ready for it",
            """\
import nats
import nats.errors


async def last_words(url):
    async with await nats.connect(url) as nc:
        await nc.flush()
    try:
        await nc.publish("late", b"")
    except nats.errors.ConnectionClosedError:
        print("too late")
""",
        ),
        Example(
            "a test that expects it",
            """\
import nats
import nats.errors
import pytest


async def test_closed(url):
    async with await nats.connect(url) as nc:
        await nc.flush()
    with pytest.raises(nats.errors.ConnectionClosedError):
        await nc.publish("late", b"")
""",
        ),
    ),
    check=check,
)
