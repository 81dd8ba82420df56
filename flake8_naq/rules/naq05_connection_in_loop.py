"""Rule 05: a connection on each turn of a loop."""

from flake8_naq.lifetimes import Site
from flake8_naq.rules.cures import cure, named
from flake8_naq.rules.manual import reports
from flake8_naq.rules.rule import Example, Rule


def message(site: Site) -> str:
    """The message about a connection in a loop."""
    what = f"{named(site)} is kept in a container"
    if site.in_loop is not None:
        line = getattr(site.in_loop, "lineno", site.call.lineno)
        what = f"{named(site)} is opened on each turn of the loop on line {line}"
    return f"{what}: open one outside of it, with {cure(site)}"


RULE = Rule(
    number="05",
    name="connection-in-loop",
    summary="A connection is acquired on each turn of a loop, or collected in a container.",
    why="""\
Connecting costs six times what an operation on an open connection costs, and a list of connections
is closed by a second loop that the first failure skips. Open one connection and loop inside it.

A loop that only retries until it has a connection opens one, and is left alone. One that connects
again when a connection has had its day, as a server that must not end does, falls under rule 01.
""",
    bad=(
        Example(
            "a connection for each item",
            """\
import nats


async def send_all(url, messages):
    for message in messages:
        nc = await nats.connect(url)
        try:
            await nc.publish("messages", message)
        finally:
            await nc.close()
""",
            {6: "05"},
            fixed="""\
import nats


async def send_all(url, messages):
    for message in messages:
        async with await nats.connect(url) as nc:
            await nc.publish("messages", message)
""",
        ),
        Example(
            "connections in a list",
            """\
from naq.connection import get_nats_connection


async def load(url):
    connections = []
    for i in range(10):
        nc = await get_nats_connection(url)
        connections.append(nc)
""",
            {7: "05 11"},
            left_alone=True,
        ),
        Example(
            "a comprehension",
            """\
import asyncio

import nats


async def load(url):
    connections = [await nats.connect(url) for _ in range(10)]
    await asyncio.gather(*(nc.close() for nc in connections))
""",
            {7: "05"},
            left_alone=True,
        ),
        Example(
            "calls that are collected before they are awaited",
            """\
import asyncio

import nats


async def load(urls):
    opening = [nats.connect(url) for url in urls]
    connections = await asyncio.gather(*opening)
    await asyncio.gather(*(nc.close() for nc in connections))
""",
            {7: "05"},
            left_alone=True,
        ),
    ),
    good=(
        Example(
            "one connection around the loop",
            """\
import nats


async def send_all(url, messages):
    async with await nats.connect(url) as nc:
        for message in messages:
            await nc.publish("messages", message)
""",
        ),
        Example(
            "a container that is handed on",
            """\
import nats


async def connect_all(urls):
    connections = {}
    for url in urls:
        connections[url] = await nats.connect(url)
    return connections
""",
        ),
    ),
    fix="safe",
    check=reports("05", message),
)
