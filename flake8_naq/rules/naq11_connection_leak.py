"""Rule 11: a path that leaves the connection open."""

import ast
from collections.abc import Iterator

from flake8_naq.lifetimes import Leak, ModuleAnalysis, Site
from flake8_naq.names import dotted
from flake8_naq.rules.cures import cure, named
from flake8_naq.rules.rule import Example, Problem, Rule


def check(analysis: ModuleAnalysis) -> Iterator[Problem]:
    """Report every connection that some path leaves open, with the clearest path."""
    for site in analysis.sites:
        if site.leaks:
            yield Problem(site.call, _message(site, site.leaks[0]), site.qualname, site)


def _message(site: Site, leak: Leak) -> str:
    name = named(site)
    if site.owned:
        return (
            f"{name} stays open when line {leak.line} raises what the caller's block raises: "
            "put the `yield` into a `try` and close in `finally`"
        )
    if site.idle_closes:
        return f"{name} stays open, since {_why_idle(site.idle_closes[0])}, or use {cure(site)}"
    if not site.releases:
        return f"{name} is never closed: use {cure(site)}"
    where = {
        "raises": f"when line {leak.line} raises",
        "cancelled": f"when line {leak.line} is cancelled",
        "returns": f"when line {leak.line} returns",
        "ends": "on a path to the function's end",
        "rebound": f"when line {leak.line} gives its name to another",
    }[leak.how]
    return f"{name} stays open {where}: close it in `finally`, or use {cure(site)}"


def _why_idle(call: ast.Call) -> str:
    """The reason why a close has no effect, and the fix."""
    last = (dotted(call.func) or "").rpartition(".")[2]
    if last == "aclosing":
        return f"a NATS client has no `aclose` for `aclosing` on line {call.lineno} to call: close it in `finally`"
    if last == "closing":
        return f"`closing` on line {call.lineno} does not await its `close`: close it in `finally`"
    return f"nothing awaits `{ast.unparse(call)}` on line {call.lineno}: await it in `finally`"


RULE = Rule(
    number="11",
    name="connection-leak",
    defect=True,
    summary="On some path the connection stays open.",
    why="""\
A connection that is not closed keeps its socket, its reader task and its subscriptions on the
server until the process ends. The message names the line that leaves the path: one that raises
(every call and `await` may, and a task can be cancelled at each `await`) or returns.
""",
    bad=(
        Example(
            "closed on the straight path only",
            """\
import nats


async def publish(url, subject, data):
    nc = await nats.connect(url)
    await nc.publish(subject, data)
    await nc.close()
""",
            {5: "01 11"},
            fixed="""\
import nats


async def publish(url, subject, data):
    async with await nats.connect(url) as nc:
        await nc.publish(subject, data)
""",
        ),
        Example(
            "an early return",
            """\
import nats


async def publish(url, subject, data):
    nc = await nats.connect(url)
    try:
        if not data:
            return
        await nc.publish(subject, data)
    except Exception:
        await nc.close()
        raise
    await nc.close()
""",
            {5: "01 11"},
            fixed="""\
import nats


async def publish(url, subject, data):
    async with await nats.connect(url) as nc:
        try:
            if not data:
                return
            await nc.publish(subject, data)
        except Exception:
            raise
""",
            unsafe=True,
        ),
        Example(
            "an await between the connection and its `try`",
            """\
import nats


async def consume(url, stream):
    nc = await nats.connect(url)
    js = nc.jetstream()
    await js.add_stream(name=stream)
    try:
        await js.publish(stream, b"")
    finally:
        await nc.close()
""",
            {5: "02 11"},
            fixed="""\
import nats


async def consume(url, stream):
    async with await nats.connect(url) as nc:
        js = nc.jetstream()
        await js.add_stream(name=stream)
        await js.publish(stream, b"")
""",
        ),
        Example(
            "nats-py's own helpers borrow a connection and never close it",
            """\
import nats
import nats.micro


async def serve(url):
    nc = await nats.connect(url)
    service = await nats.micro.add_service(nc, name="time", version="1.0.0")
    await service.stopped.wait()
""",
            {6: "01 11"},
            fixed="""\
import nats
import nats.micro


async def serve(url):
    async with await nats.connect(url) as nc:
        service = await nats.micro.add_service(nc, name="time", version="1.0.0")
        await service.stopped.wait()
""",
            unsafe=True,
        ),
        Example(
            "a context manager that closes on the straight path only",
            """\
from contextlib import asynccontextmanager

import nats


@asynccontextmanager
async def connected(url):
    nc = await nats.connect(url)
    yield nc
    await nc.close()
""",
            {8: "11"},
            left_alone=True,
        ),
        Example(
            "a context manager of the other kind",
            """\
from contextlib import closing

import nats


async def publish(url, subject, data):
    with closing(await nats.connect(url)) as nc:
        await nc.publish(subject, data)
""",
            {7: "01 11"},
            left_alone=True,
        ),
        Example(
            "a close that nobody awaits",
            """\
import nats


async def publish(url, subject, data):
    nc = await nats.connect(url)
    try:
        await nc.publish(subject, data)
    finally:
        nc.close()
""",
            {5: "01 11"},
            fixed="""\
import nats


async def publish(url, subject, data):
    async with await nats.connect(url) as nc:
        try:
            await nc.publish(subject, data)
        finally:
            nc.close()
""",
            unsafe=True,
        ),
        Example(
            "a context manager that calls `aclose`",
            """\
from contextlib import aclosing

import nats


async def ping(url):
    async with aclosing(await nats.connect(url)) as nc:
        await nc.flush()
""",
            {7: "01 11"},
            left_alone=True,
        ),
    ),
    good=(
        Example(
            "a context manager",
            """\
import nats


async def publish(url, subject, data):
    async with await nats.connect(url) as nc:
        await nc.publish(subject, data)
""",
        ),
        Example(
            "handed to an object that has to close it",
            """\
import nats
from shop.service import Service


async def main(url):
    nc = await nats.connect(url)
    service = Service(nc)
    await service.run()
""",
        ),
        Example(
            "closed when the caller wants it closed",
            """\
from contextlib import asynccontextmanager

import nats


@asynccontextmanager
async def connected(server, close=True):
    nc = server if isinstance(server, nats.NATS) else await nats.connect(server)
    try:
        yield nc
    finally:
        if close:
            await nc.close()
""",
        ),
        Example(
            "handed to a task that goes on",
            """\
import asyncio

import nats


async def start(tasks, url, consume):
    nc = await nats.connect(url)
    tasks.add(asyncio.create_task(consume(nc)))
""",
        ),
        Example(
            "closed by a signal, through two functions",
            """\
import asyncio
import signal

import nats


def close_on_sigterm(nc):
    async def stop():
        await nc.drain()

    def on_signal():
        asyncio.create_task(stop())

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, on_signal)


async def main(url, handle):
    nc = await nats.connect(url)
    close_on_sigterm(nc)
    await nc.subscribe("orders", cb=handle)
""",
        ),
        Example(
            "returned inside a copy",
            """\
from dataclasses import replace

import nats


async def connected(service, url):
    nc = await nats.connect(url)
    return replace(service, nc=nc)
""",
        ),
    ),
    misses=(
        Example(
            "a factory that fails half-way",
            """\
import nats


async def connected(url):
    nc = await nats.connect(url)
    await nc.flush()
    return nc
""",
        ),
        Example(
            "a cancellation in the middle of the cleaning up",
            """\
import nats


async def consume(url, stream):
    nc = await nats.connect(url)
    js = nc.jetstream()
    try:
        await js.publish(stream, b"")
    finally:
        try:
            await js.delete_stream(stream)
        except Exception:
            print("no stream")
        await nc.close()
""",
            {5: "02"},
            fixed="""\
import nats


async def consume(url, stream):
    async with await nats.connect(url) as nc:
        js = nc.jetstream()
        try:
            await js.publish(stream, b"")
        finally:
            try:
                await js.delete_stream(stream)
            except Exception:
                print("no stream")
""",
        ),
    ),
    fix="safe",
    check=check,
)
