"""Every site that flake8 reports is rewritten, or has its line with a reason."""

import ast
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flake8_naq.linter import lint
from flake8_naq.migrate.batch import candidates, fix_files
from flake8_naq.migrate.fixer import Options
from flake8_naq.settings import Settings

# The rules of sites: 01 to 05, and 21.
SITES = frozenset({"01", "02", "03", "04", "05", "21"})

BUS = "import nats\n\n\nasync def open_bus(url):\n    return await nats.connect(url)\n"
# An import, with the opener and the closer that it gives.
IMPORTS = [
    ("import nats", "nats.connect(url)", "nc.close()"),
    ("import nats as n", "n.connect(url)", "nc.drain()"),
    ("import nats.aio.client as c\nfrom nats import connect as dial", "dial(url)", "nc.close()"),
    ("from nats.errors import Error\nfrom nats import connect", "connect(url)", "nc.close()"),
    ("from nats import *", "connect(url)", "nc.close()"),
    ("from nats import client", "client.connect(url)", "nc.close()"),
    (
        "from naq.connection import close_nats_connection, get_nats_connection as dial",
        "dial(url)",
        "close_nats_connection(nc)",
    ),
    (
        "from naq.connection import (\n    close_nats_connection as shut,\n"
        "    get_nats_connection as dial,\n)",
        "dial(url)",
        "shut(nc)",
    ),
    (
        "from naq import connection",
        "connection.get_nats_connection(url)",
        "connection.close_nats_connection(nc)",
    ),
    (
        "from ..connection import get_nats_connection, close_nats_connection",
        "get_nats_connection(url)",
        "close_nats_connection()",
    ),
    ("import nats\ndial = nats.connect", "dial(url)", "nc.close()"),
    ("from bus import open_bus", "open_bus(url)", "nc.close()"),
    ("import bus", "bus.open_bus(url)", "nc.drain()"),
    ("import importlib\nnats = importlib.import_module('nats')", "nats.connect(url)", "nc.close()"),
]
BODIES = [
    "nc = await {open}\n    await nc.flush()\n    await {close}",
    "nc = await {open}\n    try:\n        await nc.flush()\n    finally:\n        await {close}",
    "nc = await {open}\n    await nc.flush()",
    "nc = await {open}\n    if url:\n        return 1\n    await {close}",
    "for _ in url:\n        nc = await {open}\n        await {close}",
    "nc = await {open}\n    js = nc.jetstream()\n    await js.publish('a', b'')\n    await {close}",
    "a = b = nc = await {open}\n    await {close}",
    "(nc, other) = await {open}, 1\n    await nc.flush()",
    "nc = await asyncio.wait_for({open}, 5)\n    await nc.flush()\n    await {close}",
    "if (nc := await {open}).is_connected:\n        await {close}",
    "nc = await {open}; await nc.flush()\n    await {close}",
    "for nc in [await {open}]:\n        await {close}",
    "match await {open}:\n        case nc:\n            await {close}",
    "lst = [await {open} for _ in url]",
]


@st.composite
def modules(draw: st.DrawFn) -> str:
    """A module with functions and a class, in some of the forms above."""
    imports, opening, closing = draw(st.sampled_from(IMPORTS))
    bodies = draw(st.lists(st.sampled_from(BODIES), min_size=1, max_size=3))
    inner = draw(st.booleans())
    lines = [] if inner else ["import asyncio", imports]
    for number, body in enumerate(bodies):
        lines.append(f"async def f{number}(url):")
        if inner:
            lines += [f"    {line}" for line in imports.splitlines() if "*" not in line]
        lines.append("    " + body.format(open=opening, close=closing))
    if draw(st.booleans()):
        lines.append(
            "class Store:\n    def __init__(self, nats_url):\n        self.nats_url = nats_url\n"
            "    async def get(self):\n        url = self.nats_url\n        "
            + bodies[0].format(open=opening, close=closing).replace("\n", "\n    ")
        )
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("unsafe", [False, True])
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(texts=st.lists(modules(), min_size=4, max_size=10))
def test_no_site_is_lost_between_the_linter_and_the_summary(
    tmp_path: Path, unsafe: bool, texts: list[str]
) -> None:
    (tmp_path / "bus.py").write_text(BUS)
    paths = []
    for number, text in enumerate(texts):
        path = tmp_path / f"m{number}.py"
        path.write_text(text)
        paths.append(str(path))
    options = Options(unsafe=unsafe)
    found, _ = candidates(paths, frozenset(), options)
    outcomes = {outcome.path: outcome for outcome in fix_files(found, options, 1, paths)}
    for path, text in zip(paths, texts, strict=True):
        sites = [
            (finding.line, finding.code)
            for finding in lint(ast.parse(text), path, Settings())
            if finding.rule in SITES
        ]
        outcome = outcomes.get(path)
        reports = [] if outcome is None else [*outcome.rewritten, *outcome.reports]
        found = sorted(
            (report.line, report.code) for report in reports if report.kind in ("rewritten", "left")
        )
        assert found == sorted(sites), text
