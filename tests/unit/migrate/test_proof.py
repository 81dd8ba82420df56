"""The proof of one rewritten function: what passes, what does not, and what it needs for that."""

import ast
import textwrap
from pathlib import Path

import pytest

import flake8_naq.migrate.prove as prove_package
from flake8_naq.migrate.match.rule_files import built_in, helpers_of
from flake8_naq.migrate.prove import Function, Verdict, prove_function
from flake8_naq.names import Names
from flake8_naq.settings import Settings

HEAD = """\
import asyncio, contextlib, logging
import nats
from nats.aio.client import Client as NATS
from naq.connection import (
    close_nats_connection, get_jetstream_context, get_nats_connection,
    nats_connection, nats_jetstream, nats_kv_store,
)
logger = logging.getLogger(__name__)
"""


def verdict(before: str, after: str, settings: Settings | None = None) -> Verdict:
    """Prove that the last function of one module acts as that of another."""
    functions = []
    for text in (before, after):
        names = Names(ast.parse(HEAD + textwrap.dedent(text)))
        scope = [s for s in names.module.children if isinstance(s.node, ast.AsyncFunctionDef)][-1]
        functions.append(Function(names, scope, settings or Settings(), helpers_of(built_in())))
    return prove_function(*functions)


def test_it_imports_nothing_of_the_analysis_and_of_the_planner() -> None:
    allowed = (
        "flake8_naq.names",
        "flake8_naq.settings",
        "flake8_naq.migrate.prove",
        "flake8_naq.migrate.match.declared_helpers",  # what the rules declare
    )
    for file in Path(prove_package.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("flake8_naq"):
                assert node.module is not None
                assert node.module.startswith(allowed), (file.name, node.module)


def straight(body: str) -> str:
    return "async def f(url, g):\n    nc = await nats.connect(url)\n" + textwrap.indent(
        f"{body}\nawait nc.close()\n", "    "
    )


def block(body: str) -> str:
    return (
        "async def f(url, g):\n    async with await nats.connect(url) as nc:\n"
        + textwrap.indent(f"{body}\n", "        ")
    )


def test_a_function_equals_itself_without_an_axiom() -> None:
    text = straight("await nc.publish('a', b'1')")
    found = verdict(text, text)
    assert found.difference is None
    assert found.axioms == set()


@pytest.mark.parametrize(
    "body",
    [
        "await nc.publish('a', b'1')",
        "for i in g:\n    if i:\n        continue\n    await nc.publish(i, b'')",
        "while await nc.request('a'):\n    break",
        "try:\n    await nc.flush()\nfinally:\n    await g()",
        "async with g as h:\n    await h(nc)",
        "match g:\n    case [a, b]:\n        await nc.publish(a, b)\n    case _:\n        pass",
        "x = [await nc.request(a) async for a in g]",
        "with contextlib.suppress(ValueError):\n    await nc.flush()",
        "assert await nc.flush(), 'no'",
        "def h():\n    return nc\nawait g(h)",
    ],
)
def test_a_block_equals_a_close_at_the_end(body: str) -> None:
    assert verdict(straight(body), block(body)).difference is None


def test_a_difference_names_its_line_and_its_path() -> None:
    body = "await nc.flush()\nawait g()"
    found = verdict(straight(body), block("await g()\nawait nc.flush()"))
    assert found.difference is not None
    line = HEAD.count("\n") + 3
    assert found.difference.parts == (
        "the next step is now ",
        "`g()`",
        " instead of ",
        "`nc.flush`",
        " on ",
        line,
    )
    assert found.difference.path == ("`await nats.connect(url)` (ok)",)


def test_the_length_of_a_function_does_not_exhaust_the_stack() -> None:
    branches = "if g == 0:\n    await nc.flush()\n" + "".join(
        f"elif g == {i}:\n    await nc.publish('{i}', b'')\n" for i in range(1, 500)
    )
    chain = "g" + ".a(1)" * 800
    total = " + ".join(f"g({i})" for i in range(800))
    for body in (branches, chain, total):
        assert verdict(straight(body), block(body)).difference is None


def test_a_proof_grows_with_the_length_of_the_function() -> None:
    def pairs(size: int) -> int:
        body = "".join(f"if g == {i}:\n    await nc.publish('{i}', b'')\n" for i in range(size))
        return verdict(straight(body), block(body)).pairs

    small, large = pairs(40), pairs(400)
    assert large <= 10 * small


@pytest.mark.parametrize(
    ("first", "handler"),
    [
        ("svc = g(nc)\n        await svc.run()", "await svc.tell()"),
        ("sub = await nc.subscribe('a')", "await sub.unsubscribe()"),
        ("g.keep(nc)", "await g.tell()"),
        ("js = nc.jetstream()\n        await js.publish('a')", "await js.publish('b')"),
    ],
)
def test_what_a_clause_can_still_reach_is_not_closed_before_it(first: str, handler: str) -> None:
    before = f"""\
async def f(url, g):
    try:
        nc = await nats.connect(url)
        {first}
        await nc.close()
    except ValueError:
        {handler}
"""
    after = f"""\
async def f(url, g):
    try:
        async with await nats.connect(url) as nc:
            {first.replace(chr(10), chr(10) + "    ")}
    except ValueError:
        {handler}
"""
    assert verdict(before, after).difference is not None


@pytest.mark.parametrize(
    "call", ["g.catalog.update()", "g.on_error('x')", "nc.stats.get('x')", "g(nc)"]
)
def test_code_that_may_reach_the_connection_keeps_its_place_at_the_close(call: str) -> None:
    head = "async def f(url, g):\n    nc = None\n    try:\n        "
    opened = "nc = await nats.connect(url)\n        await g.keep(nc)\n"
    before = (
        head
        + opened
        + f"    except ValueError:\n        {call}\n    finally:\n        if nc:\n            await nc.close()\n"
    )
    after = (
        "async def f(url, g):\n    try:\n        async with await nats.connect(url) as nc:\n"
        f"            await g.keep(nc)\n    except ValueError:\n        {call}\n"
    )
    assert verdict(before, after).difference is not None
    fine = before.replace(call, "logger.info('x')"), after.replace(call, "logger.info('x')")
    assert verdict(*fine).difference is None


FACTORIES = {
    "a branch without a client": (
        "if to:\n        return await nats.connect(to)\n    return g()",
        False,
    ),
    "a branch that ends": ("if to:\n        return await nats.connect(to)", False),
    "a client with another close": (
        "nc = await nats.connect(to)\n    nc.close = g\n    return nc",
        False,
    ),
    "a client on every branch": (
        "if to:\n        return await nats.connect(to)\n    nc = NATS()\n"
        "    await nc.connect()\n    return nc",
        True,
    ),
    "many branches": (
        "if to == 0:\n        return await nats.connect()\n"
        + "".join(f"    elif to == {i}:\n        return await nats.connect()\n" for i in range(500))
        + "    else:\n        return await nats.connect()",
        True,
    ),
}


@pytest.mark.parametrize(("body", "proven"), FACTORIES.values(), ids=FACTORIES)
def test_a_function_has_to_give_the_client_itself_on_every_branch(body: str, proven: bool) -> None:
    head = f"async def dial(to):\n    {body}\n\n\nasync def f(url, g):\n"
    before = "    nc = await dial(url)\n    try:\n        await nc.flush()\n    finally:\n        await nc.close()\n"
    after = "    async with await dial(url) as nc:\n        await nc.flush()\n"
    assert (verdict(head + before, head + after).difference is None) == proven
