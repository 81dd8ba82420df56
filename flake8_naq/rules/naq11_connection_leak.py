"""Rule 11: a path that leaves the connection open."""

from collections.abc import Iterator

from flake8_naq.lifetimes import Leak, ModuleAnalysis, Site
from flake8_naq.rules.cures import cure, named
from flake8_naq.rules.rule import Example, Problem, Rule


def check(analysis: ModuleAnalysis) -> Iterator[Problem]:
    """Report every connection that some path leaves open, with the most telling path."""
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


RULE = Rule(
    number="11",
    name="connection-leak",
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
        ),
    ),
    check=check,
)
