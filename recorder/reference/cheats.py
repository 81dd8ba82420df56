"""The cheat sheet's table: old code, and what the codemod or a hand makes of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from textwrap import dedent
from typing import Literal

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from recorder.reference.rules import fix

By = Literal["safe", "unsafe", "by hand"]

NAQ = (
    "from naq.connection import close_nats_connection, get_jetstream_context, get_nats_connection\n"
)
NATS = "import nats\n"


@dataclass(frozen=True)
class Row:
    """One row.

    Args:
        title: the situation.
        rule: under which the old code falls.
        by: who writes the new code: a safe fix, an unsafe one, or a hand.
        imports: of the old module.
        old: its function or class.
        by_hand: the new one, where no fix makes it.
    """

    title: str
    rule: str
    by: By
    imports: str
    old: str
    by_hand: str = ""

    @property
    def module(self) -> str:
        """The old module."""
        return self.imports + "\n\n" + dedent(self.old).lstrip()

    @property
    def new(self) -> str:
        """The new module, or its function where it is written by hand."""
        if self.by_hand:
            return dedent(self.by_hand).lstrip()
        return fix(self.module, unsafe=self.by == "unsafe")


ROWS = (
    Row(
        "Connect, use, close",
        "01",
        "safe",
        NAQ,
        """
        async def ping(url):
            nc = await get_nats_connection(url)
            try:
                await nc.publish("ping", b"")
            finally:
                await close_nats_connection(nc)
        """,
    ),
    Row(
        "With JetStream",
        "02",
        "safe",
        NAQ,
        """
        async def add(url, data):
            nc = await get_nats_connection(url)
            try:
                js = await get_jetstream_context(nc)
                await js.publish("jobs", data)
            finally:
                await close_nats_connection(nc)
        """,
    ),
    Row(
        "With one bucket",
        "03",
        "safe",
        NAQ,
        """
        async def put(url, key, value):
            nc = await get_nats_connection(url)
            try:
                js = await get_jetstream_context(nc)
                kv = await js.key_value("jobs")
                await kv.put(key, value)
            finally:
                await close_nats_connection(nc)
        """,
    ),
    Row(
        "None before the try",
        "01",
        "safe",
        NAQ,
        """
        async def ping(url):
            nc = None
            try:
                nc = await get_nats_connection(url)
                await nc.publish("ping", b"")
            finally:
                if nc is not None:
                    await close_nats_connection(nc)
        """,
    ),
    Row(
        "Closed by URL",
        "12",
        "safe",
        NAQ,
        """
        async def ping(url):
            nc = await get_nats_connection(url)
            try:
                await nc.publish("ping", b"")
            finally:
                await close_nats_connection()
        """,
    ),
    Row(
        "Closed on the straight path only",
        "11",
        "safe",
        NATS,
        """
        async def ping(url):
            nc = await nats.connect(url)
            await nc.publish("ping", b"")
            await nc.close()
        """,
    ),
    Row(
        "Never closed",
        "11",
        "unsafe",
        NATS,
        """
        async def ping(url):
            nc = await nats.connect(url)
            await nc.publish("ping", b"")
        """,
    ),
    Row(
        "Plain nats-py",
        "01",
        "safe",
        NATS,
        """
        async def ping(url):
            nc = await nats.connect(url)
            try:
                await nc.publish("ping", b"")
            finally:
                await nc.close()
        """,
    ),
    Row(
        "A client made first",
        "01",
        "safe",
        "from nats.aio.client import Client as NATS\n",
        """
        async def ping(url):
            nc = NATS()
            await nc.connect(url)
            try:
                await nc.publish("ping", b"")
            finally:
                await nc.close()
        """,
    ),
    Row(
        "Drained in the finally",
        "01",
        "safe",
        NATS,
        """
        async def ping(url):
            nc = await nats.connect(url)
            try:
                await nc.publish("ping", b"")
            finally:
                await nc.drain()
        """,
    ),
    Row(
        "On each turn of a loop",
        "05",
        "by hand",
        NATS,
        """
        async def ping(urls, url):
            for name in urls:
                nc = await nats.connect(url)
                await nc.publish(name, b"")
                await nc.close()
        """,
        """
        async def ping(urls, url):
            async with await nats.connect(url) as nc:
                for name in urls:
                    await nc.publish(name, b"")
        """,
    ),
    Row(
        "Collected in a list",
        "05",
        "by hand",
        NATS,
        """
        async def load(url, count):
            clients = []
            for _ in range(count):
                clients.append(await nats.connect(url))
            for nc in clients:
                await nc.publish("load", b"")
                await nc.close()
        """,
        """
        async def load(url, count):
            async with AsyncExitStack() as stack:
                for _ in range(count):
                    nc = await stack.enter_async_context(await nats.connect(url))
                    await nc.publish("load", b"")
        """,
    ),
    Row(
        "A handle leaves its block",
        "13",
        "by hand",
        NATS,
        """
        async def bucket(url):
            async with await nats.connect(url) as nc:
                return await nc.jetstream().key_value("jobs")
        """,
        """
        @asynccontextmanager
        async def bucket(url):
            async with await nats.connect(url) as nc:
                yield await nc.jetstream().key_value("jobs")
        """,
    ),
    Row(
        "Used after its close",
        "14",
        "by hand",
        NATS,
        """
        async def ping(url):
            async with await nats.connect(url) as nc:
                await nc.publish("ping", b"")
            await nc.flush()
        """,
        """
        async def ping(url):
            async with await nats.connect(url) as nc:
                await nc.publish("ping", b"")
                await nc.flush()
        """,
    ),
    Row(
        "A URL in the constructor",
        "21",
        "unsafe",
        "from naq.connection import nats_connection\n",
        """
        class Pinger:
            def __init__(self, nats_url: str):
                self.nats_url = nats_url

            async def ping(self):
                async with nats_connection(self.nats_url) as nc:
                    await nc.publish("ping", b"")
        """,
    ),
    Row(
        "A name that nats-py does not have",
        "22",
        "by hand",
        "import nats\nimport nats.js.errors\n",
        """
        async def read(kv, key):
            try:
                return (await kv.get(key)).value
            except nats.errors.KeyNotFound:
                return None
        """,
        """
        async def read(kv, key):
            try:
                return (await kv.get(key)).value
            except nats.js.errors.KeyNotFoundError:
                return None
        """,
    ),
    Row(
        "Kept on an object that never closes it",
        "23",
        "by hand",
        NATS,
        """
        class Feed:
            async def start(self, url):
                self.nc = await nats.connect(url)
        """,
        """
        class Feed:
            async def start(self, url):
                self.nc = await nats.connect(url)

            async def stop(self):
                await self.nc.drain()
        """,
    ),
)

_BODY = re.compile(r"^(?:@|async def |class )", re.MULTILINE)


def shown(module: str) -> str:
    """A module from its first function or class on."""
    start = _BODY.search(module)
    return module[start.start() :] if start else module


def page() -> str:
    """The table."""
    rows = "".join(_row(row) for row in ROWS)
    return (
        '<table class="cheats">\n<thead><tr><th scope="col">Old</th>'
        f'<th scope="col">New</th></tr></thead>\n{rows}</table>\n'
    )


def _row(row: Row) -> str:
    return (
        f'<tbody><tr><th colspan="2" scope="rowgroup">{row.title} '
        f'<a href="../../rules/NAQ{row.rule}/">rule {row.rule}</a> '
        f'<span class="by">{row.by}</span></th></tr>\n'
        f"<tr><td>{_code(row.module)}</td><td>{_code(row.new)}</td></tr></tbody>\n"
    )


def _code(module: str) -> str:
    html = highlight(shown(module), PythonLexer(), HtmlFormatter(nowrap=True)).rstrip()
    # A blank line would end the block of HTML.
    return f'<div class="highlight"><pre><code>{html}</code></pre></div>'.replace("\n\n", "\n \n")
