"""Helpers in other files of the project, as their callers see them."""

from __future__ import annotations

import ast
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flake8_naq.linter import concerns_nats, lint
from flake8_naq.settings import Settings


def findings(root: Path, files: dict[str, str], linted: str, **options: object) -> list[str]:
    """Line and rule of each finding in one file of a project."""
    return [f"{line} {rule}" for line, rule, _ in reports(root, files, linted, **options)]


def reports(
    root: Path, files: dict[str, str], linted: str, **options: object
) -> list[tuple[int, str, str]]:
    for name, text in {"setup.cfg": "", **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
    text = dedent(files[linted])
    path, settings = str(root / linted), Settings(**options)  # type: ignore[arg-type]
    if not concerns_nats(text, path, settings):
        return []
    found = lint(ast.parse(text), path, settings, text)
    return [(finding.line, finding.rule, finding.message) for finding in found]


USE = """
from bus import {name}

async def work(url):
    nc = await {name}(url)
    await nc.publish("a", b"")
"""
OPENERS = {
    "returns it": """
        import nats
        async def open_bus(url):
            return await nats.connect(url)
        """,
    "binds it first": """
        from nats.aio.client import Client
        async def open_bus(url):
            nc = Client()
            await nc.connect(url)
            return nc
        """,
    "in several branches": """
        import nats
        async def open_bus(url):
            if url.startswith("tls"):
                return await nats.connect(url, tls=True)
            return await nats.connect(url)
        """,
    "None when switched off": """
        import nats
        async def open_bus(url):
            if not url:
                return None
            return await nats.connect(url)
        """,
    "retried": """
        import nats
        from tenacity import retry
        @retry(stop=3)
        async def open_bus(url):
            return await nats.connect(url)
        """,
    "a wrapper": """
        from wire import dial
        async def open_bus(url):
            nc = await dial(url)
            return nc
        """,
    "a wrapper of a wrapper": """
        import asyncio
        import door
        async def open_bus(url):
            return await asyncio.wait_for(door.open_door(url), 3)
        """,
    "imported from where it is": "from wire import dial as open_bus",
    "a partial": """
        import functools
        from wire import dial
        open_bus = functools.partial(dial)
        """,
    "a partial over several lines": """
        from functools import partial
        from wire import dial
        open_bus = partial(
            dial,
        )
        """,
}
WIRE = "import nats\nasync def dial(url):\n    return await nats.connect(url)\n"
DOOR = "from wire import dial\nasync def open_door(url):\n    return await dial(url)\n"


@pytest.mark.parametrize("bus", OPENERS.values(), ids=OPENERS)
def test_a_fresh_connection_of_another_file_is_reported(tmp_path: Path, bus: str) -> None:
    files = {
        "bus.py": bus,
        "wire.py": WIRE,
        "door.py": DOOR,
        "main.py": USE.format(name="open_bus"),
    }
    assert findings(tmp_path, files, "main.py") == ["5 01", "5 11"]


SHARED = {
    "a global": """
        _nc = None
        async def get_nats_connection(url):
            global _nc
            if _nc is None:
                _nc = await nats.connect(url)
            return _nc
        """,
    "an attribute of a module's object": """
        class State: pass
        state = State()
        async def get_nats_connection(url):
            state.nc = await nats.connect(url)
            return state.nc
        """,
    "the caller's own, as long as it is connected": """
        async def get_nats_connection(nc):
            if nc is not None and nc.is_connected:
                return nc
            nc = await nats.connect()
            return nc
        """,
    "a dictionary": """
        _open = {}
        async def get_nats_connection(url):
            if url not in _open:
                _open[url] = await nats.connect(url)
            return _open[url]
        """,
    "a dictionary, by name": """
        _open = {}
        async def get_nats_connection(url):
            if url in _open:
                return _open[url]
            nc = await nats.connect(url)
            _open[url] = nc
            return nc
        """,
    "a context variable": """
        from contextvars import ContextVar
        _nc = ContextVar("nc")
        async def get_nats_connection(url):
            nc = await nats.connect(url)
            _nc.set(nc)
            return nc
        """,
    "a cache": """
        from async_lru import alru_cache
        @alru_cache
        async def get_nats_connection(url):
            return await nats.connect(url)
        """,
    "a dependency": """
        async def get_nats_connection(url):
            nc = await nats.connect(url)
            try:
                yield nc
            finally:
                await nc.close()
        """,
    "a decorator that nobody knows": """
        from shop import singleton
        @singleton
        async def get_nats_connection(url):
            return await nats.connect(url)
        """,
    "a loop of wrappers": """
        async def get_nats_connection(url):
            return await other(url)
        async def other(url):
            return await get_nats_connection(url)
        """,
}


@pytest.mark.parametrize("getter", SHARED.values(), ids=SHARED)
def test_a_shared_getter_is_no_opener_whatever_it_is_called(tmp_path: Path, getter: str) -> None:
    files = {
        "bus.py": "import nats\n" + dedent(getter),
        "main.py": USE.format(name="get_nats_connection"),
    }
    assert findings(tmp_path, files, "main.py") == []


def test_a_tuple_holds_its_connection(tmp_path: Path) -> None:
    files = {
        "bus.py": """
            import nats
            async def connect_to_nats(servers):
                nc = await nats.connect(servers)
                js = nc.jetstream()
                return nc, js
            """,
        "main.py": """
            from bus import connect_to_nats
            async def main():
                nc, js = await connect_to_nats([])
                try:
                    await js.publish("a", b"")
                finally:
                    await nc.close()
            """,
    }
    (found,) = reports(tmp_path, files, "main.py")
    assert found[:2] == (4, "02")
    assert found[2].endswith("use `async with nc:`")


BUS_CLASS = """
import nats

class Base:
    async def dial(self):
        return await nats.connect(self.url)

class Bus(Base):
    def __init__(self, url):
        self.url = url
        self.kept = None

    async def keep(self):
        self.kept = await nats.connect(self.url)
        return self.kept

    @classmethod
    async def at(cls, url):
        return await nats.connect(url)

bus = Bus("here")
"""
METHODS = {
    "a local object": "bus = Bus('x')\n    nc = await bus.dial()",
    "an object at once": "nc = await Bus('x').dial()",
    "a class method": "nc = await Bus.at('x')",
    "a parameter": "nc = await given.dial()",
    "an object of the other file": "nc = await shared.dial()",
}


@pytest.mark.parametrize("body", METHODS.values(), ids=METHODS)
def test_a_method_of_another_file_returns_a_fresh_connection(tmp_path: Path, body: str) -> None:
    code = "from bus import Bus\nfrom bus import bus as shared\n\n"
    code += f"async def work(given: Bus):\n    {body}\n    await nc.flush()\n"
    found = findings(tmp_path, {"bus.py": BUS_CLASS, "main.py": code}, "main.py")
    assert [one.partition(" ")[2] for one in found] == ["01", "11"]


def test_a_method_that_keeps_its_connection_is_no_opener(tmp_path: Path) -> None:
    code = (
        "from bus import bus\nasync def work():\n    nc = await bus.keep()\n    await nc.flush()\n"
    )
    assert findings(tmp_path, {"bus.py": BUS_CLASS, "main.py": code}, "main.py") == []


def test_an_attribute_has_the_methods_of_its_class(tmp_path: Path) -> None:
    code = """
        from bus import Bus
        class Service:
            def __init__(self):
                self.bus = Bus("here")
            async def work(self):
                nc = await self.bus.dial()
                await nc.flush()
        """
    assert findings(tmp_path, {"bus.py": BUS_CLASS, "main.py": code}, "main.py") == ["7 01", "7 11"]


MANAGER = """
import contextlib
import nats

@contextlib.asynccontextmanager
async def session(url):
    nc = await nats.connect(url)
    try:
        yield nc
    finally:
        await nc.close()

async def shut(nc):
    await nc.drain()

async def use(nc):
    await nc.publish("a", b"")
"""


def test_a_context_manager_of_another_file_closes(tmp_path: Path) -> None:
    code = "from bus import session\nasync def f(url):\n    async with session(url) as nc:\n"
    code += "        return await nc.request('a')\n"
    assert findings(tmp_path, {"bus.py": MANAGER, "main.py": code}, "main.py") == []


def test_a_handle_outlives_the_context_manager_of_another_file(tmp_path: Path) -> None:
    code = "from bus import session\nasync def f(url):\n    async with session(url) as nc:\n"
    code += "        return nc.jetstream()\n"
    assert findings(tmp_path, {"bus.py": MANAGER, "main.py": code}, "main.py") == ["4 13"]


CLASS_MANAGER = """
    import nats
    class Bus:
        def __init__(self, url):
            self.url = url
        async def __aenter__(self):
            self.nc = await nats.connect(self.url)
            return self.nc
        async def __aexit__(self, *args):
            await self.nc.{close}()
    class Line(Bus):
        pass
    """


@pytest.mark.parametrize("name", ["Bus", "Line"])
def test_a_class_of_another_file_that_enters_a_connection_closes_it(
    tmp_path: Path, name: str
) -> None:
    use = f"""
        from bus import {name}
        async def work(url):
            async with {name}(url) as nc:
                return nc.jetstream()
        """
    files = {"bus.py": CLASS_MANAGER.format(close="drain"), "main.py": use}
    assert findings(tmp_path, files, "main.py") == ["5 13"]


def test_a_class_that_leaves_its_connection_open_is_no_context_manager(tmp_path: Path) -> None:
    use = """
        from bus import Bus
        async def work(url):
            async with Bus(url) as nc:
                return nc.jetstream()
        """
    files = {"bus.py": CLASS_MANAGER.format(close="flush"), "main.py": use}
    assert findings(tmp_path, files, "main.py") == []


DECLARED = {
    "a workspace": '[tool.uv.workspace]\nmembers = ["packages/*"]\n',
    "a source": '[tool.uv.sources]\nwire-lib = { path = "packages/wire-lib" }\n',
    "a dependency": '[tool.poetry.dependencies]\nwire = { path = "./packages/wire-lib" }\n',
    "pytest's path": '[tool.pytest.ini_options]\npythonpath = ["packages/wire-lib/src"]\n',
}


@pytest.mark.parametrize("pyproject", DECLARED.values(), ids=DECLARED)
def test_an_import_finds_the_packages_that_pyproject_declares(
    tmp_path: Path, pyproject: str
) -> None:
    files = {
        "pyproject.toml": pyproject,
        "packages/wire-lib/src/wire/__init__.py": WIRE,
        "app/__init__.py": "",
        "app/main.py": "from wire import dial\nasync def work():\n    nc = await dial('x')\n",
    }
    assert findings(tmp_path, files, "app/main.py") == ["3 01", "3 11"]
    files["pyproject.toml"] = "[tool.uv.workspace\nmembers = 3"
    assert findings(tmp_path / "broken", files, "app/main.py") == []


def test_a_closer_of_another_file_closes(tmp_path: Path) -> None:
    code = """
        import nats
        from bus import shut, use
        async def f(url):
            nc = await nats.connect(url)
            try:
                await use(nc)
            finally:
                await shut(nc)
        """
    assert findings(tmp_path, {"bus.py": MANAGER, "main.py": code}, "main.py") == ["5 01"]


# Options

IMPORTS = {
    "absolute": ("from app.bus import open_bus", "open_bus"),
    "relative": ("from .bus import open_bus", "open_bus"),
    "renamed": ("from app.bus import open_bus as dial", "dial"),
    "module": ("from app import bus", "bus.open_bus"),
    "relative module": ("from . import bus", "bus.open_bus"),
    "dotted module": ("import app.bus", "app.bus.open_bus"),
    "re-exported": ("from app import open_bus", "open_bus"),
    "starred": ("from app.bus import *", "open_bus"),
    "inside the function": ("", "open_bus"),
}


@pytest.mark.parametrize("option", ["app.bus.open_bus", "app.open_bus"])
@pytest.mark.parametrize(("imports", "called"), IMPORTS.values(), ids=IMPORTS)
def test_an_option_holds_under_every_way_to_import(
    tmp_path: Path, imports: str, called: str, option: str
) -> None:
    inner = "" if imports else "from app.bus import open_bus\n    "
    code = f"{imports}\nasync def f():\n    {inner}opened = {called}()\n    opened.work()\n"
    files = {
        "app/__init__.py": "from app.bus import open_bus",
        "app/bus.py": "def open_bus():\n    return make()\n",
        "app/jobs.py": code,
    }
    found = findings(tmp_path, files, "app/jobs.py", connect_functions=(option,))
    assert [one.partition(" ")[2] for one in found] == ["01", "11"]


def test_a_dotted_option_names_no_other_function(tmp_path: Path) -> None:
    files = {
        "other.py": "def open_bus():\n    return make()\n",
        "main.py": "from other import open_bus\ndef f():\n    bus = open_bus()\n    bus.work()\n",
    }
    assert findings(tmp_path, files, "main.py", connect_functions=("app.bus.open_bus",)) == []


CONFIGURED = {
    "a tuple": """
        from acme import open_bus
        async def f():
            nc, js = await open_bus()
            try:
                await js.publish("a", b"")
            finally:
                await nc.close()
        """,
    "a closer": """
        from acme import open_bus, shut
        async def f():
            bus = await open_bus()
            try:
                await bus.work()
            finally:
                await shut(bus)
        """,
}


@pytest.mark.parametrize("code", CONFIGURED.values(), ids=CONFIGURED)
def test_a_configured_opener_that_is_closed_does_not_leak(tmp_path: Path, code: str) -> None:
    options = {"connect_functions": ("acme.open_bus",), "close_functions": ("acme.shut",)}
    assert findings(tmp_path, {"main.py": code}, "main.py", **options) == ["4 01"]


def test_a_configured_opener_may_be_a_context_manager(tmp_path: Path) -> None:
    code = "from acme import broker\nasync def f():\n    async with broker() as nc:\n"
    code += "        await nc.flush()\n"
    found = findings(tmp_path, {"main.py": code}, "main.py", connect_functions=("acme.broker",))
    assert found == []


CURES = {
    "nats-py": ("import nats", "nats.connect", {}, "`async with await nats.connect(...)`"),
    "imported": ("from nats import connect", "connect", {}, "`async with await connect(...)`"),
    "an own helper": ("from bus import dial", "dial", {}, "`async with await dial(...)`"),
    "configured": (
        "from acme import open_bus",
        "open_bus",
        {"connect_functions": ("acme.open_bus",)},
        "a context manager that closes it",
    ),
    "configured beside its manager": (
        "from acme import open_bus",
        "open_bus",
        {"connect_functions": ("open_bus",), "context_managers": ("acme.session",)},
        "`async with session(...)`",
    ),
}


@pytest.mark.parametrize(("imports", "opener", "options", "cure"), CURES.values(), ids=CURES)
def test_the_cure_exists_in_the_project(
    tmp_path: Path, imports: str, opener: str, options: dict[str, object], cure: str
) -> None:
    code = f"{imports}\nasync def f(url):\n    nc = await {opener}(url)\n    await nc.flush()\n"
    files = {"bus.py": WIRE, "main.py": code}
    for _, _, message in reports(tmp_path, files, "main.py", **options):
        assert message.endswith(f"use {cure}")


# The same findings, however the project is laid out and whatever way the name is imported

LAYOUTS = st.sampled_from(["flat", "package", "src", "namespace"])
WAYS = st.sampled_from(["name", "alias", "module", "inside", "star", "door"])


@settings(max_examples=30, deadline=None)
@given(layout=LAYOUTS, way=WAYS, relative=st.booleans(), depth=st.integers(0, 2))
def test_the_way_of_importing_changes_no_finding(
    tmp_path_factory: pytest.TempPathFactory, layout: str, way: str, relative: bool, depth: int
) -> None:
    root = tmp_path_factory.mktemp("project")
    base = {"flat": "", "package": "app/", "src": "src/app/", "namespace": "app/"}[layout]
    package = "" if layout == "flat" else "app."
    relative = relative and layout != "flat"
    folders = "".join(f"level{number}/" for number in range(depth))
    dots = "." * (depth + 1)
    module = f"{dots}bus" if relative else f"{package}bus"
    files = {f"{base}bus.py": WIRE, f"{base}door.py": f"from {package}bus import dial\n"}
    if layout in ("package", "src"):
        for number in range(depth + 1):
            inner = "".join(f"level{level}/" for level in range(number))
            files[f"{base}{inner}__init__.py"] = ""
    head, call, inner = f"from {module} import dial", "dial", ""
    if way == "alias":
        head, call = f"{head} as open_it", "open_it"
    elif way == "module":
        parent = (dots if relative else package.rstrip(".")) or ""
        head, call = (
            (f"from {parent} import bus", "bus.dial") if parent else ("import bus", "bus.dial")
        )
    elif way == "inside":
        head, inner = "", f"from {module} import dial; "
    elif way == "star":
        head = f"from {module} import *"
    elif way == "door":
        head = head.replace("bus import", "door import")
    code = f"{head}\nasync def f(url):\n    {inner}nc = await {call}(url)\n    await nc.flush()\n"
    linted = f"{base}{folders}jobs.py"
    files[linted] = code
    assert findings(root, files, linted) == ["3 01", "3 11"]
