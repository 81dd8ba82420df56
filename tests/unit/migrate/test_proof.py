"""The proof of one rewritten function: what passes, what does not, and what it needs for that."""

import ast
import textwrap
from pathlib import Path

import pytest

import flake8_naq.migrate.prove as prove_package
from flake8_naq.migrate.fixer import Options, fix_text
from flake8_naq.migrate.match.rule_files import built_in, helpers_of
from flake8_naq.migrate.prove import Function, Verdict, prove_function
from flake8_naq.migrate.prove.axioms import NEVER_BOUND, NEVER_CONNECTED
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


MADE = """\
async def f(url, g):
    try:
        {before}
        nc = NATS()
        {between}
        await nc.connect(url)
        await nc.flush()
    except ValueError:
        g('failed')
    finally:
        {final}
"""
AROUND = """\
async def f(url, g):
    async with NATS() as nc:
        try:
            {before}
            {between}
            await nc.connect(url)
            await nc.flush()
        except ValueError:
            g('failed')
        finally:
            {final}
"""
AROUND_ALONE = AROUND.partition("        finally")[0]


@pytest.mark.parametrize(
    ("before", "between", "final"),
    [
        ("g()", "g()", "await nc.close()"),
        ("await g()", "pass", "await nc.drain()"),
        ("pass", "await g(nc)", "await nc.drain(); await g()"),
        ("await g()", "pass", "await nc.close(); g()"),
    ],
)
def test_a_client_may_be_made_before_the_try(before: str, between: str, final: str) -> None:
    given = {"before": before, "between": between, "final": final}
    assert verdict(MADE.format(**given), AROUND.format(**given)).difference is None


@pytest.mark.parametrize("between", ["pass", "g()", "await g(nc)"])
def test_the_block_closes_a_client_that_was_made_before_the_try(between: str) -> None:
    given = {"before": "await g()", "between": between, "final": "await nc.close()"}
    found = verdict(MADE.format(**given), AROUND_ALONE.format(**given))
    assert found.difference is None
    assert NEVER_CONNECTED in found.axioms


@pytest.mark.parametrize(
    ("before", "between"), [("pass", "pass"), ("g()", "pass"), ("pass", "g()")]
)
def test_a_block_adds_no_close_of_a_client_that_failed_to_connect(
    before: str, between: str
) -> None:
    final = "with contextlib.suppress(Exception): await nc.drain()"
    given = {"before": before, "between": between, "final": final}
    assert verdict(MADE.format(**given), AROUND.format(**given)).difference is not None


def test_an_error_after_a_failed_connect_is_not_hidden_by_the_close() -> None:
    given = {"before": "pass", "between": "pass", "final": "await g(); await nc.close()"}
    assert verdict(MADE.format(**given), AROUND.format(**given)).difference is not None


@pytest.mark.parametrize("use", ["await g(nc)", "setup(nc)", "kept = nc", "g.client = nc"])
def test_the_close_of_a_client_that_other_code_may_connect_stays(use: str) -> None:
    before = f"async def f(url, g):\n    nc = NATS()\n    {use}\n    await nc.close()\n"
    assert verdict(before, before.replace("await nc.close()", "pass")).difference is not None
    closure = before.replace(
        use, "async def dial():\n        await nc.connect(url)\n    await g(dial)"
    )
    assert verdict(closure, closure.replace("await nc.close()", "pass")).difference is not None


def test_a_rewrite_does_not_close_a_name_that_is_not_bound() -> None:
    before = "async def f(url, g):\n    try:\n        g()\n    finally:\n        g(1)\n"
    after = (
        "async def f(url, g):\n    try:\n        g()\n    finally:\n"
        "        await nc.close()\n        g(1)\n    nc = await nats.connect(url)\n"
    )
    assert verdict(before, after).difference is not None


OPTIONS = """\
def known():
    options = {{"name": "n"}}
    if EXTRA:
        options["token"] = "t"
    options.update(user="u")
    return options


def loud(callback):
    options: dict = {{"name": "n"}}
    options["closed_cb"] = callback
    return options


async def f(url, g):
    try:
        options = {options}
        {then}
        nc = await nats.connect(url, **options)
        await nc.flush()
        await nc.close()
    finally:
        await g()
"""


@pytest.mark.parametrize(
    ("options", "then", "quiet"),
    [
        ("{'name': 'n'}", "options['token'] = 't'", True),
        ("dict(name='n')", "pass", True),
        ("known()", "pass", True),
        ("{**known(), 'name': 'n'}", "pass", True),
        ("{'closed_cb': g}", "pass", False),
        ("loud(g)", "pass", False),
        ("{'name': 'n'}", "options['disconnected_cb'] = g", False),
        ("{'name': 'n'}", "options[url] = g", False),
        ("{'name': 'n'}", "g(options)", False),
        ("{'name': 'n'}", "options |= g", False),
        ("{'name': 'n'}", "options.update(g)", False),
        ("{'name': 'n'}", "url = lambda: options.update(closed_cb=g)", False),
        ("g()", "pass", False),
        ("OPTIONS", "pass", False),
    ],
)
def test_unpacked_options_have_no_callback_where_every_key_is_shown(
    options: str, then: str, quiet: bool
) -> None:
    before = OPTIONS.format(options=options, then=then)
    after = before.replace(
        "nc = await nats.connect(url, **options)\n        await nc.flush()\n"
        "        await nc.close()\n",
        "async with await nats.connect(url, **options) as nc:\n            await nc.flush()\n",
    )
    assert (verdict(before, after).difference is None) == quiet


@pytest.mark.parametrize(
    ("handler", "proven"),
    [
        ("print('no', error)", True),
        ("logger.error('no %s', error)", False),
        ("print(TOTAL)", False),
        ("print(len(received))", False),
        ("logger.error('no %s', received)", False),
    ],
)
def test_a_clause_reads_only_its_own_values_while_a_subscription_is_at_work(
    handler: str, proven: bool
) -> None:
    head = "received = []\nasync def heard(message):\n    received.append(message)\n"
    before = (
        "async def f(url, g):\n    nc = None\n    try:\n        nc = await nats.connect(url)\n"
        "        await nc.subscribe('a', cb=heard)\n        await nc.flush()\n"
        f"    except ValueError as error:\n        {handler}\n    finally:\n"
        "        if nc:\n            await nc.close()\n"
    )
    after = (
        "async def f(url, g):\n    try:\n        async with await nats.connect(url) as nc:\n"
        "            await nc.subscribe('a', cb=heard)\n            await nc.flush()\n"
        f"    except ValueError as error:\n        {handler}\n"
    )
    assert (verdict(head + before, head + after).difference is None) == proven


def test_a_cancelled_connect_is_not_hidden_by_an_unbound_name() -> None:
    before = (
        "async def f(url, g):\n    try:\n        nc = await nats.connect(url)\n"
        "        js = nc.jetstream()\n        await js.publish('a', b'')\n    finally:\n"
        "        await js.delete_stream('a')\n        await nc.close()\n"
    )
    after = (
        "async def f(url, g):\n    async with await nats.connect(url) as nc:\n        try:\n"
        "            js = nc.jetstream()\n            await js.publish('a', b'')\n        finally:\n"
        "            await js.delete_stream('a')\n            await nc.close()\n"
    )
    found = verdict(before, after)
    assert found.difference is None
    assert NEVER_BOUND in found.axioms


@pytest.mark.parametrize(
    ("clause", "proven"),
    [("ValueError", True), ("Exception", True), ("(ValueError, UnboundLocalError)", False)],
)
def test_a_clause_for_an_unbound_name_keeps_its_error(clause: str, proven: bool) -> None:
    before = (
        "async def f(url, g):\n    try:\n        try:\n            nc = await nats.connect(url)\n"
        "            await nc.flush()\n        finally:\n            await nc.close()\n"
        f"    except {clause}:\n        g()\n"
    )
    after = (
        "async def f(url, g):\n    try:\n        async with await nats.connect(url) as nc:\n"
        f"            await nc.flush()\n    except {clause}:\n        g()\n"
    )
    assert (verdict(before, after).difference is None) == proven


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


@pytest.mark.parametrize(
    ("end", "rewritten"),
    [
        ("await g.wait()", True),
        (
            "try:\n        await g.wait()\n    except KeyboardInterrupt:\n        await nc.drain()",
            True,
        ),
        ("async with g:\n        while True:\n            await g.wait()", True),
        ("async for item in g:\n        print(item)", True),
        ("try:\n        await nc.flush()\n    except ValueError:\n        await nc.drain()", False),
    ],
)
def test_callbacks_of_a_client_that_nothing_closes_need_a_wait(end: str, rewritten: bool) -> None:
    text = (
        "import nats\n\n\nasync def f(url, g):\n    nc = await nats.connect(url)\n"
        f"    await nc.subscribe('a', cb=g.hear)\n    {end}\n"
    )
    result = fix_text(text, "work.py", Options(unsafe=True))
    assert bool(result.rewritten) == rewritten
