"""Rule 01: a connection managed by hand."""

from flake8_naq.lifetimes import Site
from flake8_naq.rules.cures import cure, named
from flake8_naq.rules.manual import reports
from flake8_naq.rules.rule import Example, Rule


def message(site: Site) -> str:
    """The message about a bare connection."""
    return f"{named(site)} is managed by hand: use {cure(site)}"


RULE = Rule(
    number="01",
    name="manual-connection",
    summary="A connection is acquired, used and closed (or not) by hand in one function.",
    why="""\
Every hand-written close is one that an exception, an early return or a cancelled task can skip,
and every hand-made connection costs a handshake. A context manager closes on all paths, and naq's
also leases one shared connection instead of opening another.
""",
    bad=(
        Example(
            "closed in a `finally`",
            """\
from naq.connection import close_nats_connection, get_nats_connection


async def publish(url, subject, data):
    nc = await get_nats_connection(url)
    try:
        await nc.publish(subject, data)
    finally:
        await close_nats_connection(nc)
""",
            {5: "01"},
            fixed="""\
from naq.connection import nats_connection


async def publish(url, subject, data):
    async with nats_connection(url) as nc:
        await nc.publish(subject, data)
""",
        ),
        Example(
            "an opener that a test may exchange",
            """\
import nats


async def publish(url, subject, data, connect=nats.connect):
    nc = await connect(url)
    try:
        await nc.publish(subject, data)
    finally:
        await nc.close()
""",
            {5: "01"},
            fixed="""\
import nats


async def publish(url, subject, data, connect=nats.connect):
    async with await connect(url) as nc:
        await nc.publish(subject, data)
""",
            unsafe=True,
        ),
        Example(
            "closed by an imported function, by its name",
            """\
import nats
from shop.bus import close_bus


async def publish(url, subject, data):
    nc = await nats.connect(url)
    try:
        await nc.publish(subject, data)
    finally:
        await close_bus(nc)
""",
            {6: "01"},
            fixed="""\
import nats
from shop.bus import close_bus


async def publish(url, subject, data):
    async with await nats.connect(url) as nc:
        try:
            await nc.publish(subject, data)
        finally:
            await close_bus(nc)
""",
            unsafe=True,
        ),
        Example(
            "a loop that connects again when a connection has had its day",
            """\
import asyncio

import nats


async def serve(url, handle):
    while True:
        nc = None
        try:
            nc = await nats.connect(url)
            subscription = await nc.subscribe("orders")
            async for message in subscription.messages:
                await handle(message)
        except OSError:
            await asyncio.sleep(1)
        finally:
            if nc is not None:
                await nc.close()
""",
            {10: "01"},
            fixed="""\
import asyncio

import nats


async def serve(url, handle):
    while True:
        try:
            async with await nats.connect(url) as nc:
                subscription = await nc.subscribe("orders")
                async for message in subscription.messages:
                    await handle(message)
        except OSError:
            await asyncio.sleep(1)
""",
            unsafe=True,
        ),
    ),
    good=(
        Example(
            "a context manager",
            """\
from naq.connection import nats_connection


async def publish(config, subject, data):
    async with nats_connection(config) as nc:
        await nc.publish(subject, data)
""",
        ),
        Example(
            "a connection that must be refused",
            """\
import nats
import nats.errors
import pytest


async def test_a_wrong_token_is_refused(url):
    try:
        nc = await nats.connect(url, token="wrong")
    except nats.errors.Error as error:
        assert "authorization" in str(error).lower()
    else:
        await nc.close()
        pytest.fail("the server let a wrong token in")
""",
        ),
        Example(
            "handed on through a future",
            """\
import nats


async def open_for(waiting, url):
    nc = await nats.connect(url)
    waiting.set_result(nc)
""",
        ),
    ),
    fix="safe",
    check=reports("01", message),
)
