"""Rule 04: more connections than the work needs."""

from flake8_naq.lifetimes import Site
from flake8_naq.rules.cures import cure, lines_of, named
from flake8_naq.rules.manual import reports
from flake8_naq.rules.rule import Example, Rule


def message(site: Site) -> str:
    """The message about a connection that another one could replace."""
    return (
        f"{named(site)} is opened like {lines_of(site.shared_with)}: "
        f"open one connection for {'all' if site.shared_with[1:] else 'both'}, with {cure(site)}"
    )


RULE = Rule(
    number="04",
    name="multiple-connections",
    summary="A function opens more than one connection for work that one could carry.",
    why="""\
A NATS connection carries any number of subscriptions, publishers and buckets at once. A second one
to the same server costs another handshake, another socket and another close to get right; when it
stands before the `try`, the first connection leaks as soon as the second fails.

Connections that are opened with different arguments are left alone, and so are two of which only
one is ever opened, as in the branches of an `if`.
""",
    bad=(
        Example(
            "a connection for each bucket",
            """\
from naq.connection import get_jetstream_context, get_nats_connection


async def copy(url, key):
    nc1 = await get_nats_connection(url)
    js1 = await get_jetstream_context(nc1)
    source = await js1.key_value("bucket1")

    nc2 = await get_nats_connection(url)
    js2 = await get_jetstream_context(nc2)
    target = await js2.key_value("bucket2")

    await target.put(key, (await source.get(key)).value)
""",
            {5: "04 11", 9: "04 11"},
            fixed="""\
from naq.connection import nats_jetstream


async def copy(url, key):
    async with nats_jetstream(url) as (conn, js):
        source = await js.key_value("bucket1")
        target = await js.key_value("bucket2")
        await target.put(key, (await source.get(key)).value)
""",
            unsafe=True,
        ),
        Example(
            "one after the other",
            """\
import nats


async def announce(url):
    nc = await nats.connect(url)
    try:
        await nc.publish("up", b"1")
    finally:
        await nc.close()
    nc = await nats.connect(url)
    try:
        await nc.publish("ready", b"1")
    finally:
        await nc.close()
""",
            {5: "04", 10: "04"},
            fixed="""\
import nats


async def announce(url):
    async with await nats.connect(url) as nc:
        await nc.publish("up", b"1")
    async with await nats.connect(url) as nc:
        await nc.publish("ready", b"1")
""",
        ),
    ),
    good=(
        Example(
            "one connection for both buckets",
            """\
from naq.connection import nats_jetstream


async def copy(config, key):
    async with nats_jetstream(config) as (conn, js):
        source = await js.key_value("bucket1")
        target = await js.key_value("bucket2")
        await target.put(key, (await source.get(key)).value)
""",
        ),
        Example(
            "two servers",
            """\
import nats


async def bridge(here, there):
    async with await nats.connect(here) as source, await nats.connect(there) as target:
        await target.publish("up", str(source.connected_url).encode())
""",
        ),
    ),
    fix="safe",
    check=reports("04", message),
)
