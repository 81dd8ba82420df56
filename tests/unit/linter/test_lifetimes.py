"""What becomes of a connection on every path: the awkward shapes first."""

from __future__ import annotations

import ast
from textwrap import dedent

import pytest

from flake8_naq.lifetimes import Site, analyse
from flake8_naq.linter import lint
from flake8_naq.settings import Settings

HEADER = """\
import asyncio
import contextlib
import nats
import pytest
from nats.aio.client import Client as NATS
"""


def sites_of(code: str, settings: Settings | None = None) -> list[Site]:
    analysis = analyse(ast.parse(HEADER + dedent(code)), settings or Settings())
    assert not analysis.failures
    return analysis.sites


def site_of(code: str) -> Site:
    (site,) = sites_of(code)
    return site


def manual_of(code: str) -> list[Site]:
    return [site for site in sites_of(code) if site.manual]


def ways(site: Site) -> list[str]:
    return [leak.how for leak in site.leaks]


CLEAN = {
    "none before the try": """
        async def f(url):
            nc = None
            try:
                nc = await nats.connect(url)
                await nc.flush()
            finally:
                if nc is not None:
                    await nc.close()
        """,
    "asked whether it is connected": """
        async def f(url):
            nc = NATS()
            try:
                await nc.connect(url)
                await nc.flush()
            finally:
                if nc and nc.is_connected:
                    await nc.drain()
        """,
    "a flag says who owns it": """
        async def f(url, js=None):
            own = False
            nc = None
            try:
                if js is None:
                    nc = await nats.connect(url)
                    own = True
                    js = nc.jetstream()
                await js.publish("a", b"")
            finally:
                if own:
                    await nc.close()
        """,
    "the same question twice": """
        async def f(url, mode):
            if mode == "live":
                nc = await nats.connect(url)
            try:
                await work()
            finally:
                if mode == "live":
                    await nc.close()
        """,
    "bound at all": """
        async def f(url):
            try:
                nc = await nats.connect(url)
                await nc.flush()
            finally:
                if "nc" in locals():
                    await nc.close()
        """,
    "closed in a swallowed try": """
        async def f(url):
            nc = await nats.connect(url)
            try:
                await nc.flush()
            finally:
                with contextlib.suppress(Exception):
                    await asyncio.wait_for(nc.close(), 1)
        """,
    "an except for everything that goes on": """
        async def f(url):
            nc = await nats.connect(url)
            try:
                await nc.flush()
            except BaseException:
                await nc.close()
                raise
            await nc.close()
        """,
    "early returns past a finally": """
        async def f(url, xs):
            nc = await nats.connect(url)
            try:
                for x in xs:
                    if x:
                        return x
                    while await g(x):
                        if x > 1:
                            break
                        continue
                    else:
                        return 2
            finally:
                await nc.close()
        """,
    "a match with a close in each arm": """
        async def f(url, x):
            nc = await nats.connect(url)
            match x:
                case 1:
                    await nc.close()
                case {"a": y}:
                    await nc.close()
                case _:
                    await nc.close()
        """,
    "only calm calls before the try": """
        async def f(url):
            nc = await nats.connect(url)
            js = nc.jetstream()
            print("connected", nc.connected_url)
            done = asyncio.Event()
            asyncio.get_running_loop().add_signal_handler(2, done.set)
            try:
                await js.publish("a", b"")
            finally:
                await nc.close()
        """,
    "closed through another name": """
        async def f(url):
            connection = await nats.connect(url)
            nc = connection
            try:
                await nc.flush()
            finally:
                await connection.close()
        """,
    "a walrus": """
        async def f(url):
            if nc := await nats.connect(url):
                try:
                    await nc.flush()
                finally:
                    await nc.close()
        """,
    "two connections at once": """
        async def f(a, b):
            x, y = await asyncio.gather(nats.connect(a), nats.connect(b))
            await asyncio.gather(x.close(), y.close())
        """,
    "a helper of the module closes it": """
        async def shut(nc):
            if not nc.is_closed:
                await nc.close()

        async def f(url):
            nc = await nats.connect(url)
            try:
                await nc.flush()
            finally:
                await shut(nc)
        """,
    "a nested function closes it": """
        async def f(url):
            nc = await nats.connect(url)

            async def stop():
                await nc.drain()

            try:
                await nc.flush()
            finally:
                await stop()
        """,
    "run by hand on a loop": """
        def f(url):
            loop = asyncio.new_event_loop()
            nc = loop.run_until_complete(nats.connect(url))
            try:
                loop.run_until_complete(nc.flush())
            finally:
                loop.run_until_complete(nc.close())
        """,
    "run by hand on a loop of another thread": """
        def f(url, loop):
            run = asyncio.run_coroutine_threadsafe
            nc = asyncio.run_coroutine_threadsafe(nats.connect(url), loop).result(5)
            try:
                run(nc.flush(), loop).result()
            finally:
                asyncio.run_coroutine_threadsafe(nc.close(), loop).result()
        """,
    "run by hand on a loop of its own, in a script": """
        loop = asyncio.new_event_loop()
        nc = loop.run_until_complete(nats.connect("x"))
        try:
            loop.run_until_complete(nc.flush())
        finally:
            loop.run_until_complete(nc.close())
        """,
    "a coroutine that is awaited later": """
        async def f(url):
            opening = nats.connect(url)
            nc = await asyncio.wait_for(opening, 5)
            try:
                await nc.flush()
            finally:
                await nc.close()
        """,
    "a task that is awaited later": """
        async def f(url):
            opening = asyncio.create_task(nats.connect(url))
            nc = await opening
            try:
                await nc.flush()
            finally:
                await nc.close()
        """,
    "a flag that asks whether it was given": """
        async def f(url, nc=None):
            own = nc is None
            if nc is None:
                nc = await nats.connect(url)
            try:
                await nc.flush()
            finally:
                if own:
                    await nc.close()
        """,
    "a flag set beside it": """
        async def f(url, nc=None):
            own = False
            if not nc:
                nc, own = await nats.connect(url), True
            try:
                await nc.flush()
            finally:
                if own:
                    await nc.close()
        """,
    "the given one or another": """
        async def f(url, given=None):
            nc = given or await nats.connect(url)
            try:
                await nc.flush()
            finally:
                if given is None:
                    await nc.close()
        """,
    "closed unless it is the given one": """
        async def f(url, given=None):
            nc = given if given is not None else await nats.connect(url)
            try:
                await nc.flush()
            finally:
                if nc is not given:
                    await nc.close()
        """,
    "one of what was gathered": """
        async def f(url, load):
            results = await asyncio.gather(nats.connect(url), load())
            nc = results[0]
            try:
                await nc.flush()
            finally:
                await nc.close()
        """,
    "the end of the process": """
        import sys

        async def f(url, usage):
            nc = await nats.connect(url)
            if usage:
                print(usage)
                sys.exit(2)
            await nc.close()
        """,
    "shielded": """
        async def f(url):
            nc = await asyncio.shield(nats.connect(url))
            try:
                await nc.flush()
            finally:
                await nc.close()
        """,
    "a loop for each call": """
        def f(url):
            nc = asyncio.run(nats.connect(url))
            try:
                print(nc.stats)
            finally:
                asyncio.run(nc.close())
        """,
    "a class body that closes what it opened": """
        class Settings:
            loop = asyncio.new_event_loop()
            nc = loop.run_until_complete(nats.connect("x"))
            loop.run_until_complete(nc.close())
        """,
    "in a decorator": """
        def with_connection(function):
            async def wrapper(*args):
                nc = await nats.connect()
                try:
                    return await function(nc, *args)
                finally:
                    await nc.close()

            return wrapper
        """,
    "an exception group": """
        async def f(url):
            nc = await nats.connect(url)
            try:
                await nc.flush()
            except* OSError:
                raise
            finally:
                await nc.close()
        """,
    "a close in each end of a try": """
        async def f(url):
            nc = await nats.connect(url)
            try:
                await nc.flush()
            except BaseException:
                await nc.close()
                raise
            else:
                await nc.close()
        """,
    "whichever way it is at the end": """
        async def f(url):
            nc = await nats.connect(url)
            try:
                await nc.flush()
            finally:
                if nc.is_connected:
                    await nc.drain()
                elif not nc.is_closed:
                    await nc.close()
        """,
    "comprehensions between": """
        async def f(url, names):
            nc = await nats.connect(url)
            try:
                [await nc.publish(name, b"") for name in names]
                {name: await nc.request(name, b"") async for name in names}
            finally:
                await nc.close()
        """,
    "an and, as a statement": """
        async def f(url):
            nc = None
            try:
                nc = await nats.connect(url)
                await nc.flush()
            finally:
                nc is not None and await nc.close()
        """,
    "an if in one expression": """
        async def f(url):
            nc = None
            try:
                nc = await nats.connect(url)
                await nc.flush()
            finally:
                (await nc.close()) if nc else None
        """,
    "closed within a time": """
        async def f(url):
            nc = await nats.connect(url)
            try:
                await nc.flush()
            finally:
                async with asyncio.timeout(5):
                    await nc.drain()
        """,
    "closed beside something else": """
        async def f(url, server):
            nc = await nats.connect(url)
            try:
                await nc.flush()
            finally:
                await asyncio.gather(nc.close(), server.stop())
        """,
    "closed by its method under another name": """
        async def f(url):
            nc = await nats.connect(url)
            try:
                await nc.flush()
            finally:
                close = getattr(nc, "close", None)
                if close is not None:
                    await close()
        """,
    "a helper that looks its close up": """
        async def shut(connection):
            close = getattr(connection, "close", None)
            if close is None:
                return
            await close()

        async def f(url):
            nc = await nats.connect(url)
            try:
                await nc.flush()
            finally:
                await shut(nc)
        """,
    "an opener that is handed in by default": """
        async def connect(url):
            return await nats.connect(url)

        async def f(url, *, connect=connect):
            nc = await connect(url)
            try:
                await nc.flush()
            finally:
                await nc.close()
        """,
    "in a loop over them all": """
        async def f(a, b):
            x = y = None
            try:
                x = await nats.connect(a)
                y = await nats.connect(b)
                await x.flush()
            finally:
                for nc in (x, y):
                    if nc:
                        await nc.close()
        """,
}


@pytest.mark.parametrize("code", CLEAN.values(), ids=CLEAN.keys())
def test_a_connection_closed_on_every_path_is_manual_and_does_not_leak(code: str) -> None:
    manual = manual_of(code)
    assert manual
    assert [ways(site) for site in manual] == [[] for _ in manual]


LEAKING = {
    "an await between": (
        "raises",
        """
        async def f(url):
            nc = await nats.connect(url)
            await nc.flush()
            await nc.close()
        """,
    ),
    "except Exception does not stop a cancellation": (
        "cancelled",
        """
        async def f(url):
            nc = await nats.connect(url)
            try:
                await nc.flush()
            except Exception:
                pass
            await nc.close()
        """,
    ),
    "an early return": (
        "returns",
        """
        async def f(url, x):
            nc = await nats.connect(url)
            if x:
                return None
            await nc.close()
        """,
    ),
    "closed in one branch": (
        "ends",
        """
        async def f(url, x):
            nc = await nats.connect(url)
            if x:
                await nc.close()
        """,
    ),
    "the name given to another": (
        "rebound",
        """
        async def f(url):
            nc = await nats.connect(url)
            nc = await nats.connect(url)
            await nc.close()
        """,
    ),
    "deleted": (
        "rebound",
        """
        async def f(url):
            nc = await nats.connect(url)
            del nc
        """,
    ),
    "a finally that closes something else": (
        "ends",
        """
        async def f(url, server):
            nc = await nats.connect(url)
            try:
                await nc.flush()
            finally:
                await server.shutdown()
        """,
    ),
    "look-alike closes": (
        "ends",
        """
        async def f(url, sid):
            nc = await nats.connect(url)
            sub = await nc.subscribe("a")
            await sub.drain()
            await nc.drain(sid)
        """,
    ),
    "a close that is never reached": (
        "raises",
        """
        async def f(url):
            nc = await nats.connect(url)
            while True:
                await nc.flush()
            await nc.drain()
        """,
    ),
    "acquired in a try, used after it": (
        "raises",
        """
        async def f(url):
            try:
                nc = await nats.connect(url)
            except OSError:
                return
            await nc.flush()
            await nc.close()
        """,
    ),
    "a swallowed exception that skips the close": (
        "raises",
        """
        async def f(url):
            try:
                nc = await nats.connect(url)
                await nc.flush()
                await nc.close()
            except Exception:
                print("failed")
        """,
    ),
    "a failing call in the finally": (
        "raises",
        """
        async def f(url):
            nc = await nats.connect(url)
            try:
                await nc.publish("a", b"")
            finally:
                await nc.flush()
                await nc.close()
        """,
    ),
    "an early raise": (
        "raises",
        """
        async def f(url, x):
            nc = await nats.connect(url)
            if not x:
                raise ValueError(x)
            await nc.close()
        """,
    ),
    "an arm of a match without a close": (
        "ends",
        """
        async def f(url, x):
            nc = await nats.connect(url)
            match x:
                case 1:
                    await nc.close()
                case 2:
                    pass
        """,
    ),
    "closed where one kind of exception goes": (
        "raises",
        """
        async def f(url):
            nc = await nats.connect(url)
            try:
                await nc.flush()
            except OSError:
                await nc.close()
            else:
                await nc.close()
        """,
    ),
    "a flag that asks the opposite": (
        "ends",
        """
        async def f(url, nc=None):
            given = nc is None
            if nc is None:
                nc = await nats.connect(url)
            if not given:
                await nc.close()
        """,
    ),
    "a close that nobody awaits": (
        "ends",
        """
        async def f(url):
            nc = await nats.connect(url)
            nc.close()
        """,
    ),
    "tasks that are awaited": (
        "ends",
        """
        async def f(url, work):
            nc = await nats.connect(url)
            tasks = [asyncio.create_task(work(nc)) for _ in range(3)]
            await asyncio.gather(*tasks)
        """,
    ),
    "tasks that are awaited as they end": (
        "ends",
        """
        async def f(url, work):
            nc = await nats.connect(url)
            tasks = []
            tasks.append(asyncio.create_task(work(nc)))
            for done in asyncio.as_completed(tasks):
                print(done)
        """,
    ),
    "tasks of a group": (
        "ends",
        """
        async def f(url, work):
            nc = await nats.connect(url)
            async with asyncio.TaskGroup() as group:
                group.create_task(work(nc))
        """,
    ),
    "a task that nobody awaits": (
        "ends",
        """
        async def f(url, load):
            opening = asyncio.create_task(nats.connect(url))
            _, nc = await asyncio.gather(load(), opening)
            print(nc.connected_url)
        """,
    ),
    "a generator that is left in the middle": (
        "raises",
        """
        async def f(url):
            nc = await nats.connect(url)
            yield 1
            await nc.close()
        """,
    ),
}


@pytest.mark.parametrize(("how", "code"), LEAKING.values(), ids=LEAKING.keys())
def test_a_path_that_leaves_it_open_is_told(how: str, code: str) -> None:
    manual = manual_of(code)
    assert ways(manual[0])[0] == how


def test_the_leak_names_the_line_that_leaves_the_path() -> None:
    site = site_of("""
        async def f(url):
            nc = await nats.connect(url)
            print("x")
            await nc.flush()
            await nc.close()
        """)
    assert site.leaks[0].line == site.call.lineno + 2


OWNED = {
    "returned": """
        async def f(url):
            return await nats.connect(url)
        """,
    "returned in a tuple": """
        async def f(url):
            nc = await nats.connect(url)
            return nc, nc.jetstream()
        """,
    "only a handle returned": """
        async def f(url):
            nc = await nats.connect(url)
            return await nc.jetstream().key_value("b")
        """,
    "returned inside an object": """
        async def f(cls, url):
            nc = await nats.connect(url)
            return cls(nc=nc, js=nc.jetstream())
        """,
    "returned, closed when setting up fails": """
        async def f(url):
            nc = await nats.connect(url)
            try:
                await nc.flush()
            except Exception:
                await nc.close()
                raise
            return nc
        """,
    "kept on self": """
        async def f(self, url):
            self.nc = await nats.connect(url)
            await self.nc.flush()
        """,
    "only a handle kept": """
        async def f(self, url):
            nc = await nats.connect(url)
            self._kv = await nc.jetstream().key_value("b")
        """,
    "a global": """
        async def f(url):
            global nc
            nc = await nats.connect(url)
        """,
    "a container that outlives": """
        async def f(self, url):
            self.pool[url] = await nats.connect(url)
        """,
    "a local container, returned": """
        async def f(urls):
            pool = []
            for url in urls:
                pool.append(await nats.connect(url))
            return pool
        """,
    "handed to an object": """
        async def f(url):
            nc = await nats.connect(url)
            service = Service(nc)
            await service.run()
        """,
    "an exit stack calls its close": """
        async def f(url, stack):
            nc = await nats.connect(url)
            stack.push_async_callback(nc.close)
            await nc.flush()
        """,
    "a test case cleans up": """
        async def f(self, url):
            nc = await nats.connect(url)
            self.addAsyncCleanup(nc.close)
        """,
    "a signal handler closes it": """
        async def f(url, loop):
            nc = await nats.connect(url)

            async def stop():
                await nc.drain()

            loop.add_signal_handler(2, lambda: asyncio.create_task(stop()))
            await nc.subscribe("a")
        """,
    "a fixture": """
        @pytest.fixture
        async def f():
            nc = await nats.connect("x")
            yield nc
            await nc.close()
        """,
    "a lifespan": """
        @contextlib.asynccontextmanager
        async def f(app):
            app.state.nc = await nats.connect("x")
            yield
            await app.state.nc.close()
        """,
    "a lambda": """
        connect = lambda url: nats.connect(url)
        """,
    "expected to fail": """
        async def f(url):
            with pytest.raises(OSError):
                await nats.connect(url)
        """,
    "a route that captures it": """
        async def f(app, url):
            nc = await nats.connect(url)

            @app.get("/")
            async def handler():
                await nc.publish("a", b"")
        """,
    "an attribute of a class": """
        class Settings:
            nc = asyncio.run(nats.connect("x"))
        """,
    "a list that is returned": """
        async def f(urls):
            return [await nats.connect(url) for url in urls]
        """,
    "a task that goes on": """
        async def f(url, serve):
            nc = await nats.connect(url)
            asyncio.create_task(serve(nc))
        """,
    "an exit stack is given it": """
        async def f(url):
            async with contextlib.AsyncExitStack() as stack:
                nc = await nats.connect(url)
                stack.push_async_callback(nc.drain)
                await nc.flush()
        """,
    "a future that somebody waits for": """
        async def f(url, waiting):
            nc = await nats.connect(url)
            waiting.set_result(nc)
        """,
    "a copy of an object": """
        import dataclasses

        async def f(service, url):
            nc = await nats.connect(url)
            return dataclasses.replace(service, nc=nc)
        """,
    "a signal handler is given it": """
        async def f(url, loop, stop):
            nc = await nats.connect(url)
            loop.add_signal_handler(2, stop, nc)
            await nc.subscribe("a")
        """,
    "a context variable": """
        async def f(url, current):
            nc = await nats.connect(url)
            current.set(nc)
        """,
    "an attribute set by its name": """
        async def f(self, url):
            nc = await nats.connect(url)
            setattr(self, "nc", nc)
        """,
    "returned in a dict that is called for": """
        async def f(url):
            nc = await nats.connect(url)
            return dict(nc=nc)
        """,
    "an exit hook closes it": """
        import atexit

        async def f(url):
            nc = await nats.connect(url)
            atexit.register(lambda: asyncio.run(nc.close()))
            await nc.flush()
        """,
    "a finalizer closes it": """
        async def f(request, url):
            nc = await nats.connect(url)
            request.addfinalizer(lambda: asyncio.run(nc.close()))
        """,
    "a context manager that closes on a condition": """
        @contextlib.asynccontextmanager
        async def f(server, close=True):
            nc = server if isinstance(server, NATS) else await nats.connect(server)
            try:
                yield nc
            finally:
                if close:
                    await nc.close()
        """,
    "a method looked up by a name that nobody knows": """
        async def f(url, method):
            nc = await nats.connect(url)
            await getattr(nc, method)()
        """,
    "a test fails when it succeeds": """
        class Refused:
            async def test(self, url):
                try:
                    await nats.connect(url)
                    self.fail("accepted")
                except OSError:
                    pass
        """,
}


@pytest.mark.parametrize("code", OWNED.values(), ids=OWNED.keys())
def test_ownership_that_leaves_on_purpose_is_not_manual(code: str) -> None:
    sites = sites_of(code)
    assert sites
    assert [site.owned for site in sites] == [True] * len(sites)
    assert [site.closing for site in sites] == ["elsewhere"] * len(sites)


MANAGED = {
    "async with await": """
        async def f(url):
            async with await nats.connect(url) as nc:
                await nc.flush()
        """,
    "entered later": """
        async def f(url):
            nc = await nats.connect(url)
            async with nc:
                await nc.flush()
        """,
    "an exit stack": """
        async def f(url):
            async with contextlib.AsyncExitStack() as stack:
                nc = await stack.enter_async_context(await nats.connect(url))
                await nc.flush()
        """,
    "closing": """
        async def f(url):
            async with contextlib.aclosing(await nats.connect(url)) as nc:
                await nc.flush()
        """,
    "a client": """
        async def f(url):
            async with NATS() as nc:
                await nc.connect(url)
        """,
}


@pytest.mark.parametrize("code", MANAGED.values(), ids=MANAGED.keys())
def test_a_connection_of_a_context_manager_is_managed(code: str) -> None:
    assert [site.managed for site in sites_of(code)] == [True]


NOT_A_CONNECTION = {
    "another module": "async def f(p):\n    import sqlite3\n    return sqlite3.connect(p)\n",
    "a class of the project": "async def f(self):\n    await self.nats.connect()\n",
    "a parameter of the same name": "async def f(nats):\n    nc = await nats.connect()\n",
    "a local of the same name": "async def f():\n    nats = make()\n    nc = await nats.connect()\n",
    "what a mapping pattern leaves": (
        "async def f(message):\n    match message:\n        case {'url': url, **nats}:\n"
        "            nc = await nats.connect(url)\n"
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
    "a helper": (
        "from .connection import get_nats_connection\n"
        "async def f():\n    nc = await get_nats_connection()\n"
    ),
}


@pytest.mark.parametrize("code", ALIASES.values(), ids=ALIASES.keys())
def test_a_connection_is_known_under_any_name(code: str) -> None:
    assert [site.handle for site in sites_of(code)] == ["nc"]


def test_a_function_that_returns_a_fresh_connection_is_an_opener() -> None:
    made, used = sites_of("""
        async def make(url):
            nc = NATS()
            await nc.connect(url)
            return nc, nc.jetstream()

        async def use(url):
            nc, js = await make(url)
            await js.publish("a", b"")
            await nc.close()
        """)
    assert made.owned
    assert used.manual
    assert (used.handle, [derived.name for derived in used.derived]) == ("nc", ["js"])


def test_a_function_that_returns_a_kept_connection_is_no_opener() -> None:
    (site,) = sites_of("""
        _nc = None

        async def get(url):
            global _nc
            if _nc is None:
                _nc = await nats.connect(url)
            return _nc

        async def use(url):
            nc = await get(url)
            await nc.flush()
        """)
    assert site.owned


def test_handles_carry_their_connection() -> None:
    site = site_of("""
        async def f(url):
            nc = await nats.connect(url)
            js = nc.jetstream()
            kv = await js.key_value("jobs")
            sub = await nc.subscribe("a")
            await kv.put("k", b"v")
            await nc.close()
        """)
    kinds = [(derived.kind, derived.name, derived.parent) for derived in site.derived]
    assert kinds == [
        ("jetstream", "js", "nc"),
        ("kv", "kv", "js"),
        ("subscription", "sub", "nc"),
    ]
    assert [ast.unparse(use) for use in site.uses] == ["kv"]


def test_a_retry_loop_opens_one_connection() -> None:
    (site,) = manual_of("""
        async def f(url):
            connected = False
            while not connected:
                try:
                    nc = await nats.connect(url)
                    connected = True
                except OSError:
                    await asyncio.sleep(1)
            await nc.close()
        """)
    assert site.in_loop is None


@pytest.mark.parametrize(
    ("closing", "body"),
    [
        ("finally", "try:\n        await nc.flush()\n    finally:\n        await nc.close()"),
        ("straight", "await nc.flush()\n    await nc.close()"),
        ("some", "if url:\n        await nc.close()"),
        ("never", "await nc.flush()"),
    ],
)
def test_the_closing_habit(closing: str, body: str) -> None:
    assert site_of(
        f"async def f(url):\n    nc = await nats.connect(url)\n    {body}\n"
    ).closing == (closing)


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


def test_a_connection_used_only_in_a_callback_is_used() -> None:
    site = site_of("""
        async def f(url):
            nc = await nats.connect(url, reconnected_cb=lambda: print(nc.connected_url))
            await nc.close()
        """)
    assert site.manual
    assert len(site.uses) == 1


@pytest.mark.parametrize(
    "body",
    [
        "opening = asyncio.create_task(nats.connect(url))\n    nc = await opening",
        "opening = asyncio.ensure_future(nats.connect(url))\n    nc = opening.result()",
        "opening = nats.connect(url)\n    nc = await opening",
        "x, nc = await asyncio.gather(g(), asyncio.create_task(nats.connect(url)))",
    ],
)
def test_a_connection_is_named_by_who_gets_it_out_of_its_task(body: str) -> None:
    site = site_of(f"async def f(url):\n    {body}\n    await nc.close()\n")
    assert (site.handle, [ast.unparse(use) for use in site.uses]) == ("nc", [])


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
