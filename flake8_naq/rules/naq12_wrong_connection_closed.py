"""Rule 12: a close of another owner's connection."""

import ast
from collections.abc import Iterator

from flake8_naq.lifetimes import ModuleAnalysis
from flake8_naq.rules.cures import cure, named
from flake8_naq.rules.rule import Example, Problem, Rule


def check(analysis: ModuleAnalysis) -> Iterator[Problem]:
    """Report every close that names neither the connection nor its URL."""
    seen: set[ast.Call] = set()
    for site in analysis.manual:
        for release in site.releases:
            if release.matches or release.call in seen:
                continue
            seen.add(release.call)
            target = "the default URL's connection"
            if release.call.args or release.call.keywords:
                target = "the connection of another URL"
            yield Problem(
                release.call,
                f"this closes {target}, and {named(site)} of line {site.call.lineno} stays open: "
                f"name {named(site)} or its URL, or use {cure(site)}",
                site.qualname,
                site,
            )


RULE = Rule(
    number="12",
    name="wrong-connection-closed",
    defect=True,
    summary="The close names neither the handle nor its URL, so it closes somebody else's.",
    why="""\
Helpers that keep a connection for each URL close by URL. Without an argument they close the default
URL's connection, under everybody who is using it, and the connection that was opened stays open.
""",
    bad=(
        Example(
            "a close without an argument",
            """\
from naq.connection import close_nats_connection, get_nats_connection


async def publish(url, subject, data):
    nc = None
    try:
        nc = await get_nats_connection(url=url)
        await nc.publish(subject, data)
    finally:
        if nc:
            await close_nats_connection()
""",
            {7: "01", 11: "12"},
            fixed="""\
from naq.connection import nats_connection


async def publish(url, subject, data):
    async with nats_connection(url) as nc:
        await nc.publish(subject, data)
""",
        ),
        Example(
            "another URL",
            """\
from naq.connection import close_nats_connection, get_nats_connection


async def publish(url, backup_url, subject, data):
    nc = await get_nats_connection(url)
    try:
        await nc.publish(subject, data)
    finally:
        await close_nats_connection(backup_url)
""",
            {5: "01", 9: "12"},
            fixed="""\
from naq.connection import nats_connection


async def publish(url, backup_url, subject, data):
    async with nats_connection(url) as nc:
        await nc.publish(subject, data)
""",
            unsafe=True,
        ),
    ),
    good=(
        Example(
            "a context manager closes its own",
            """\
from naq.connection import nats_connection


async def publish(url, subject, data):
    async with nats_connection(url) as nc:
        await nc.publish(subject, data)
""",
        ),
        Example(
            "a close of something else altogether",
            """\
from naq.connection import close_nats_connection


async def shut_down():
    await close_nats_connection()
""",
        ),
    ),
    fix="safe",
    check=check,
)
