"""Rule 02: a connection and its JetStream managed by hand."""

from flake8_naq.lifetimes import Site
from flake8_naq.rules.cures import cure, named
from flake8_naq.rules.manual import reports
from flake8_naq.rules.rule import Example, Rule


def message(site: Site) -> str:
    """The message about a connection with its JetStream."""
    return f"{named(site)} and its JetStream are managed by hand: use {cure(site)}"


RULE = Rule(
    number="02",
    name="manual-jetstream",
    summary="A connection with JetStream derived from it is managed by hand in one function.",
    why="""\
As with a bare connection (rule 01), each close written by hand is one that some path skips.
`nats_jetstream` yields the connection and its JetStream together.
""",
    bad=(
        Example(
            "closed in a `finally`",
            """\
from naq.connection import close_nats_connection, get_jetstream_context, get_nats_connection


async def publish(url, subject, data):
    nc = await get_nats_connection(url)
    try:
        js = await get_jetstream_context(nc)
        await js.publish(subject, data)
    finally:
        await close_nats_connection(nc)
""",
            {5: "02"},
            fixed="""\
from naq.connection import nats_jetstream


async def publish(url, subject, data):
    async with nats_jetstream(url) as (nc, js):
        await js.publish(subject, data)
""",
        ),
    ),
    good=(
        Example(
            "a context manager",
            """\
from naq.connection import nats_jetstream


async def publish(config, subject, data):
    async with nats_jetstream(config) as (nc, js):
        await js.publish(subject, data)
""",
        ),
    ),
    fix="safe",
    check=reports("02", message),
)
