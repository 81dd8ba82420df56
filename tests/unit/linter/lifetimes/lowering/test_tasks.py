"""Tasks: a connection comes out of the coroutine, task or future that opens it."""

from __future__ import annotations

import ast

import pytest

from tests.unit.linter.lifetimes.sites import assert_leak, assert_no_leak, assert_owned, site_of

CLEAN = {
    "two connections at once": """
        async def f(a, b):
            x, y = await asyncio.gather(nats.connect(a), nats.connect(b))
            await asyncio.gather(x.close(), y.close())
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
    "closed beside something else": """
        async def f(url, server):
            nc = await nats.connect(url)
            try:
                await nc.flush()
            finally:
                await asyncio.gather(nc.close(), server.stop())
        """,
}


@pytest.mark.parametrize("code", CLEAN.values(), ids=CLEAN.keys())
def test_a_connection_closed_on_every_path_does_not_leak(code: str) -> None:
    assert_no_leak(code)


LEAKING = {
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
}


@pytest.mark.parametrize(("how", "code"), LEAKING.values(), ids=LEAKING.keys())
def test_a_path_that_leaves_it_open_is_a_leak(how: str, code: str) -> None:
    assert_leak(how, code)


OWNED = {
    "a task that goes on": """
        async def f(url, serve):
            nc = await nats.connect(url)
            asyncio.create_task(serve(nc))
        """,
}


@pytest.mark.parametrize("code", OWNED.values(), ids=OWNED.keys())
def test_a_connection_owned_elsewhere_is_not_manual(code: str) -> None:
    assert_owned(code)


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
