"""Vocabulary: which names open, derive and close."""

from __future__ import annotations

import ast
from textwrap import dedent

import pytest

from flake8_naq.linter import lint
from flake8_naq.settings import Settings
from tests.unit.linter.lifetimes.sites import HEADER, sites_of

NOT_A_CONNECTION = {
    "another module": "async def f(p):\n    import sqlite3\n    return sqlite3.connect(p)\n",
    "a class of the project": "async def f(self):\n    await self.nats.connect()\n",
    "a parameter of the same name": "async def f(nats):\n    nc = await nats.connect()\n",
    "a local of the same name": "async def f():\n    nats = make()\n    nc = await nats.connect()\n",
    "what a mapping pattern leaves": (
        "async def f(message):\n    match message:\n        case {'url': url, **nats}:\n"
        "            nc = await nats.connect(url)\n"
    ),
    "a star of another module": (
        "from shop import *\nasync def f():\n    nc = Client()\n    await nc.connect()\n"
    ),
    "a mock": "async def f():\n    await MockNC().connect()\n",
    "not awaited": "def f():\n    nats.connect('x')\n",
    "a client that is given": "async def f(nc):\n    await nc.connect()\n",
}


@pytest.mark.parametrize("code", NOT_A_CONNECTION.values(), ids=NOT_A_CONNECTION.keys())
def test_a_look_alike_is_no_connection(code: str) -> None:
    assert sites_of(code) == []


ALIASES = {
    "module alias": "import nats as n\nasync def f():\n    nc = await n.connect()\n",
    "function": "from nats import connect\nasync def f():\n    nc = await connect()\n",
    "function alias": "from nats import connect as c\nasync def f():\n    nc = await c()\n",
    "client module": "from nats import client\nasync def f():\n    nc = await client.connect('u')\n",
    "submodule import": "import nats.errors\nasync def f():\n    nc = await nats.connect()\n",
    "inside a function": "async def f():\n    import nats as q\n    nc = await q.connect()\n",
    "an assigned alias": "open_it = nats.connect\nasync def f():\n    nc = await open_it()\n",
    "an optional import": (
        "try:\n    import nats\nexcept ImportError:\n    nats = None\n"
        "async def f():\n    nc = await nats.connect()\n"
    ),
    "a skipped test": (
        "async def f():\n    nats = pytest.importorskip('nats')\n    nc = await nats.connect()\n"
    ),
    "a star": "from nats import *\nasync def f():\n    nc = await connect()\n",
    "a star, and its client": (
        "from nats import *\nasync def f():\n    nc = NATS()\n    await nc.connect()\n"
    ),
    "the star that gives the name": (
        "from nats.aio.client import *\nfrom nats.errors import *\n"
        "async def f():\n    nc = Client()\n    await nc.connect()\n"
    ),
    "a helper": (
        "from .connection import get_nats_connection\n"
        "async def f():\n    nc = await get_nats_connection()\n"
    ),
}


@pytest.mark.parametrize("code", ALIASES.values(), ids=ALIASES.keys())
def test_a_connection_is_known_under_any_name(code: str) -> None:
    assert [site.handle for site in sites_of(code)] == ["nc"]


def test_names_of_the_project_are_openers_and_closers() -> None:
    settings = Settings(connect_functions=("shop.bus.open_bus",), close_functions=("shut_bus",))
    code = """
        from shop.bus import open_bus
        from shop import closing

        def f():
            bus = open_bus()
            try:
                bus.work()
            finally:
                closing.shut_bus(bus)
        """
    (site,) = sites_of(code, settings)
    assert (site.handle, site.closing, site.leaks) == ("bus", "finally", [])


@pytest.mark.parametrize(
    "open_it",
    ["open_bus()", "make()"],
)
def test_a_close_that_is_no_coroutine_needs_no_await(open_it: str) -> None:
    settings = Settings(connect_functions=("shop.open_bus",))
    code = f"""
        from shop import open_bus

        def make():
            return open_bus()

        def f():
            bus = {open_it}
            try:
                bus.work()
            finally:
                bus.close()

        def g():
            with contextlib.closing({open_it}) as bus:
                bus.work()
        """
    *_, site, managed = sites_of(code, settings)
    assert (site.handle, site.closing, site.leaks) == ("bus", "finally", [])
    assert managed.managed
    found = lint(ast.parse(HEADER + dedent(code)), "bus.py", settings)
    assert [finding.code for finding in found] == ["NAQ301"]
