"""Rule 14: a connection that is used after its close."""

import ast
from collections.abc import Iterator

from flake8_naq.lifetimes import LateUse, ModuleAnalysis, Release, Site
from flake8_naq.rules.cures import named
from flake8_naq.rules.rule import Example, Problem, Rule


def check(analysis: ModuleAnalysis) -> Iterator[Problem]:
    """Report the first use of every connection (or of a handle) that its close has ended."""
    for site in analysis.sites:
        for use in site.late_uses[:1]:
            yield Problem(use.node, _message(site, use), site.qualname, site)


def _message(site: Site, use: LateUse) -> str:
    what = ast.unparse(use.node)
    subject = named(site) if what == site.handle else "its connection"
    closed = [_last_line(release) for release in site.releases]
    match use.how:
        case "turn":
            inside = [line for line in closed if line >= use.node.lineno]
            return (
                f"`{what}` is used on the next turn of the loop, after line {min(inside)} closed "
                f"{subject}: close it after the loop"
            )
        case "task":
            return (
                f"`{what}` is used by a task that nothing awaits, and {subject} is closed before "
                "the task runs: await the task before the close"
            )
        case "returned" | "kept":
            return (
                f"`{what}` is used by a function that is {use.how} from the block that closes "
                f"{subject}: call it inside the block"
            )
    line = max((line for line in closed if line <= use.node.lineno), default=0)
    where = f" on line {line}" if line else ""
    return f"`{what}` is used after {subject} was closed{where}: move the use before the close"


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
subscription of it, raises `ConnectionClosedError`. A use is reported if every path to it has closed
the connection before: in the text, on the next turn of a loop, or because a task or a function runs
it after the block that closes.
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
        Example(
            "a close in the loop that uses it",
            """\
import nats


async def send_all(url, messages):
    nc = await nats.connect(url)
    try:
        for message in messages:
            await nc.publish("messages", message)
            await nc.flush()
            await nc.close()
    finally:
        await nc.close()
""",
            {5: "01", 8: "14"},
            fixed="""\
import nats


async def send_all(url, messages):
    async with await nats.connect(url) as nc:
        for message in messages:
            await nc.publish("messages", message)
            await nc.flush()
            await nc.close()
""",
        ),
        Example(
            "a task that starts after the block",
            """\
import asyncio

import nats


async def notify(url):
    async with await nats.connect(url) as nc:
        asyncio.create_task(nc.publish("notices", b""))
""",
            {8: "14"},
            left_alone=True,
        ),
        Example(
            "a function that leaves the block",
            """\
import nats


async def sender(url):
    async with await nats.connect(url) as nc:
        return lambda data: nc.publish("events", data)
""",
            {6: "14"},
            left_alone=True,
        ),
    ),
    good=(
        Example(
            "pairs that end one after the other",
            """\
import nats
from shop.adapters import Adapter, Bus


async def serve(url, names):
    async with await nats.connect(url) as nc:
        pairs = []
        for name in names:
            pairs.append((Adapter(nc, name), Bus(nc, name)))
        await nc.flush()
        for adapter, bus in pairs:
            await adapter.close()
            await bus.stop()
""",
        ),
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
            "connected again on each turn",
            """\
import asyncio

import nats


async def watch(urls):
    for url in urls:
        async with await nats.connect(url) as nc:
            task = asyncio.create_task(nc.flush())
            await asyncio.sleep(1)
            await task
""",
        ),
        Example(
            "a task that has the time to run",
            """\
import asyncio

import nats


async def notify(url, stopped):
    async with await nats.connect(url) as nc:
        asyncio.create_task(nc.publish("notices", b""))
        await stopped.wait()
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
