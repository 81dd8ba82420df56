"""Rule 03: a connection opened by hand for one key-value bucket."""

from flake8_naq.lifetimes import Site
from flake8_naq.rules.cures import cure, named
from flake8_naq.rules.manual import reports
from flake8_naq.rules.rule import Example, Rule


def message(site: Site) -> str:
    """The message about a connection for one bucket."""
    return f"{named(site)} is managed by hand for one bucket: use {cure(site)}"


RULE = Rule(
    number="03",
    name="manual-kv-store",
    summary="A connection is managed by hand whose only use is one key-value bucket.",
    why="""\
As with a bare connection (rule 01), each close written by hand is one that some path skips. Besides,
connecting and binding the bucket cost six times what the operation on the bucket does.
`nats_kv_store` yields the bound bucket, from a cache when it is warm.
""",
    bad=(
        Example(
            "closed in a `finally`",
            """\
from naq.connection import close_nats_connection, get_jetstream_context, get_nats_connection


async def remember(url, key, value):
    nc = await get_nats_connection(url)
    try:
        js = await get_jetstream_context(nc)
        kv = await js.key_value("job_results")
        await kv.put(key, value)
    finally:
        await close_nats_connection(nc)
""",
            {5: "03"},
            fixed="""\
from naq.connection import nats_kv_store


async def remember(url, key, value):
    async with nats_kv_store("job_results", url) as kv:
        await kv.put(key, value)
""",
        ),
        Example(
            "every argument by its keyword",
            """\
from naq.connection import close_nats_connection, get_jetstream_context, get_nats_connection


async def recall(url, key):
    nc = await get_nats_connection(url=url)
    try:
        js = await get_jetstream_context(nc=nc)
        kv = await js.key_value(bucket="job_results")
        return await kv.get(key)
    finally:
        await close_nats_connection(nc=nc)
""",
            {5: "03"},
            fixed="""\
from naq.connection import nats_kv_store


async def recall(url, key):
    async with nats_kv_store("job_results", url) as kv:
        return await kv.get(key)
""",
            unsafe=True,
        ),
        Example(
            "a watcher of the bucket is a use of the bucket",
            """\
from naq.connection import close_nats_connection, get_jetstream_context, get_nats_connection


async def purge(url):
    nc = await get_nats_connection(url)
    try:
        js = await get_jetstream_context(nc)
        kv = await js.key_value("job_results")
        watcher = await kv.watchall()
        async for entry in watcher:
            if entry is None:
                break
            await kv.purge(entry.key)
        await watcher.stop()
    finally:
        await close_nats_connection(nc)
""",
            {5: "03"},
            fixed="""\
from naq.connection import nats_kv_store


async def purge(url):
    async with nats_kv_store("job_results", url) as kv:
        watcher = await kv.watchall()
        async for entry in watcher:
            if entry is None:
                break
            await kv.purge(entry.key)
        await watcher.stop()
""",
        ),
    ),
    good=(
        Example(
            "a context manager",
            """\
from naq.connection import nats_kv_store


async def remember(config, key, value):
    async with nats_kv_store("job_results", config) as kv:
        await kv.put(key, value)
""",
        ),
    ),
    fix="safe",
    check=reports("03", message),
)
