"""Rule 13: a handle that leaves the block which closes its connection."""

import ast
from collections.abc import Iterator

from flake8_naq.lifetimes import Escape, ModuleAnalysis, Site
from flake8_naq.rules.rule import Example, Problem, Rule


def check(analysis: ModuleAnalysis) -> Iterator[Problem]:
    """Report every handle returned or kept from inside the block that closes the connection."""
    for site in analysis.sites:
        if site.left_then_closed:
            yield from _outliving(site)


def _outliving(site: Site) -> Iterator[Problem]:
    last = _last_statements(site)
    for escape in site.escapes:
        if not isinstance(escape.node, ast.expr):
            continue
        if escape.kind == "returned":
            yield _problem(site, escape.node, "returned")
        elif escape.kind == "stored" and _within(escape, last):
            yield _problem(site, escape.node, "kept")


def _problem(site: Site, handle: ast.expr, verb: str) -> Problem:
    return Problem(
        handle,
        f"`{ast.unparse(handle)}` is {verb} from the block that closes its "
        f"connection (line {site.call.lineno}), so it is dead on arrival: use it "
        "inside, or hand out the context manager",
        site.qualname,
        site,
    )


def _within(escape: Escape, statements: list[ast.stmt]) -> bool:
    line = getattr(escape.node, "lineno", 0)
    return any(node.lineno <= line <= (node.end_lineno or node.lineno) for node in statements)


def _last_statements(site: Site) -> list[ast.stmt]:
    """The last statement of each block that closes the connection.

    A handle kept earlier may be used while the block lasts.
    """
    last: list[ast.stmt] = []
    for release in site.releases:
        block = release.statement
        if isinstance(block, (ast.With, ast.AsyncWith)):
            body = block.body
            if len(body) > 1 and isinstance(body[-1], ast.Return) and body[-1].value is None:
                body = body[:-1]
            if isinstance(body[-1], (ast.Assign, ast.AnnAssign)):
                last.append(body[-1])
    return last


RULE = Rule(
    number="13",
    name="handle-outlives-connection",
    defect=True,
    summary="A handle is returned or kept from inside the block that closes its connection.",
    why="""\
A JetStream context, a bucket or a subscription works only while its connection is open. Once the
`async with` (or the `finally`) has closed the connection, the first use of the handle raises
`ConnectionClosedError`, far from the place that caused it.
""",
    bad=(
        Example(
            "a bucket returned",
            """\
from naq.connection import nats_kv_store


async def results(config):
    async with nats_kv_store("job_results", config) as kv:
        return kv
""",
            {6: "13"},
            left_alone=True,
        ),
        Example(
            "a bucket kept",
            """\
import nats


class Results:
    async def open(self, url):
        async with await nats.connect(url) as nc:
            js = nc.jetstream()
            self.kv = await js.key_value("job_results")
""",
            {8: "13"},
            left_alone=True,
        ),
        Example(
            "returned past a `finally`",
            """\
import nats


async def stream(url):
    nc = await nats.connect(url)
    try:
        return nc.jetstream()
    finally:
        await nc.close()
""",
            {5: "02", 7: "13"},
            fixed="""\
import nats


async def stream(url):
    async with await nats.connect(url) as nc:
        return nc.jetstream()
""",
        ),
    ),
    good=(
        Example(
            "a value returned",
            """\
from naq.connection import nats_kv_store


async def result(job_id, config):
    async with nats_kv_store("job_results", config) as kv:
        return (await kv.get(job_id)).value
""",
        ),
        Example(
            "kept while the block lasts",
            """\
import nats


class Service:
    async def run(self, url, stopped):
        async with await nats.connect(url) as nc:
            self.nc = nc
            await stopped.wait()
""",
        ),
        Example(
            "yielded",
            """\
from contextlib import asynccontextmanager

import nats


@asynccontextmanager
async def results(url):
    async with await nats.connect(url) as nc:
        yield await nc.jetstream().key_value("job_results")
""",
        ),
    ),
    check=check,
)
