"""Nothing that parses brings the linter down, and its cost has a bound."""

from __future__ import annotations

import ast
import random
import sys
import sysconfig
from pathlib import Path

import hypothesmith
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flake8_naq.lifetimes import ModuleAnalysis, analyse
from flake8_naq.linter import findings_of, lint
from flake8_naq.patterns import pattern_of
from flake8_naq.settings import Settings

STDLIB = Path(sysconfig.get_path("stdlib"))
HORRORS = sorted(
    path
    for name in ("test_patma", "test_grammar", "test_coroutines", "test_generators", "test_except*")
    for path in (STDLIB / "test").glob(f"{name}.py")
)
FILES = [
    *HORRORS,
    *(STDLIB / name for name in ("asyncio/streams.py", "ast.py", "contextlib.py", "tarfile.py")),
]
# These names make of ordinary code code that opens and closes.
EVERYTHING_OPENS = Settings(
    connect_functions=("open", "connect", "get", "create_connection", "iter", "next"),
    close_functions=("print", "repr", "shutdown"),
    context_managers=("closing", "suppress"),
)
OPENING = "async def f(url):\n    nc = await nats.connect(url)\n    js = nc.jetstream()\n"
SPLINTERS = [
    ast.parse(line).body[0]
    for line in (
        "nc = await nats.connect(url)",
        "await nc.close()",
        "nc = None",
        "js = nc.jetstream()",
        "self.kv = await js.key_value('b')",
        "pool.append(nc)",
        "del nc",
        "x = lambda: nc.close()",
        "async with nc: pass",
        "async with await nats.connect(url) as nc: return js",
        "await gather(nc.close(), nats.connect(url))",
        "if nc is not None and nc.is_connected: await close_nats_connection(nc)",
        "[await nats.connect(u) for u in nc]",
        "yield nc",
        "own = nc is None",
        "if nc is not own: pass",
        "nc and await nc.close()",
        "close = getattr(nc, 'close', None)",
        "await close()",
        "nc.close()",
        "opening = asyncio.create_task(nats.connect(url))",
        "opening = [nats.connect(u) for u in nc]",
        "nc = await opening",
        "nc, js = await asyncio.gather(*opening)",
        "setattr(self, 'nc', nc)",
    )
]


def analysed(tree: ast.Module, options: Settings) -> ModuleAnalysis:
    ast.fix_missing_locations(tree)
    analysis = analyse(tree, options)
    assert [(failure.qualname, failure.error) for failure in analysis.failures] == []
    for finding in findings_of(analysis, "module.py", options):
        assert finding.line >= 1
    for site in analysis.sites:
        assert (pattern_of(site) is not None) == site.manual
        assert site.manual or not site.leaks or site.owned
    return analysis


def inside_a_connection(body: list[ast.stmt]) -> ast.Module:
    tree = ast.parse("import nats\n" + OPENING)
    function = tree.body[1]
    assert isinstance(function, ast.AsyncFunctionDef)
    function.body += [*body, ast.parse("await nc.close()").body[0]]
    return tree


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(source=hypothesmith.from_grammar())
def test_generated_code_is_analysed(source: str) -> None:
    analysed(ast.parse(source), EVERYTHING_OPENS)
    analysed(inside_a_connection(ast.parse(source).body), Settings())


@settings(max_examples=30, deadline=None)
@given(path=st.sampled_from(FILES), seed=st.integers(0, 2**32))
def test_real_code_with_connections_strewn_in_is_analysed(path: Path, seed: int) -> None:
    chance = random.Random(seed)
    tree = ast.parse(path.read_bytes())
    for node in ast.walk(tree):
        for block in ("body", "orelse", "finalbody"):
            statements = getattr(node, block, None)
            if isinstance(statements, list) and statements and chance.random() < 0.1:
                statements.insert(chance.randrange(len(statements) + 1), chance.choice(SPLINTERS))
    tree.body.insert(0, ast.parse("import nats").body[0])
    analysed(tree, Settings())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_standard_library_has_no_finding(path: Path) -> None:
    tree = ast.parse(path.read_bytes())
    assert lint(tree, str(path), Settings()) == []
    analysed(tree, EVERYTHING_OPENS)


@pytest.mark.parametrize("opener", ["if x:", "for x in y:", "while x:", "async with x:", "try:"])
def test_ninety_nested_blocks_are_analysed(opener: str) -> None:
    lines = [" " * (depth + 1) + opener for depth in range(90)]
    lines.append(" " * 91 + "await nc.flush()")
    if opener == "try:":
        for depth in reversed(range(90)):
            lines += [" " * (depth + 1) + "finally:", " " * (depth + 2) + "await nc.flush()"]
    source = "import nats\nasync def f(url):\n nc = await nats.connect(url)\n" + "\n".join(lines)
    (site,) = analysed(ast.parse(source + "\n await nc.close()\n"), Settings()).sites
    assert site.leaks


@pytest.mark.parametrize(
    "expression",
    [
        "+".join(["nc.a"] * 500),
        "nc" + ".a()" * 200,
        "[" * 80 + "nc" + "]" * 80,
        " if nc else ".join(["nc"] * 200),
        " and ".join(["nc"] * 2000),
        "lambda: " * 80 + "nc",
    ],
    ids=["sum", "calls", "lists", "conditions", "ands", "lambdas"],
)
def test_deep_expressions_are_analysed(expression: str) -> None:
    body = ast.parse(f"x = {expression}\nif {expression}: pass").body
    analysed(inside_a_connection(body), Settings())


def test_a_long_chain_of_elif_is_analysed() -> None:
    arms = "".join(f"elif x == {number}:\n    await nc.flush()\n" for number in range(900))
    analysed(inside_a_connection(ast.parse(f"if x:\n    pass\n{arms}").body), Settings())


def test_what_is_nested_beyond_all_measure_is_one_finding_on_its_function() -> None:
    inner: ast.stmt = ast.parse("await nc.flush()").body[0]
    for _ in range(3000):
        inner = ast.While(ast.Name("x", ast.Load()), [inner], [])
    tree = inside_a_connection([])
    function = tree.body[1]
    assert isinstance(function, ast.AsyncFunctionDef)
    function.body.append(inner)
    for node in ast.walk(tree):
        if isinstance(node, (ast.stmt, ast.expr)) and not hasattr(node, "lineno"):
            node.lineno = node.end_lineno = 9
            node.col_offset = node.end_col_offset = 0
    (finding,) = lint(tree, "module.py", Settings())
    assert (finding.code, finding.line, finding.qualname) == ("NAQ001", 2, "f")


def test_an_argument_that_is_too_deep_to_be_written_is_left_out_of_the_message() -> None:
    url = "+".join(["url"] * 700)
    code = f"async def f(url):\n    nc = await get_nats_connection({url})\n    await nc.flush()\n"
    manual, leak = lint(ast.parse(code), "module.py", Settings())
    assert (manual.code, leak.code) == ("NAQ301", "NAQ311")
    assert manual.message.endswith("use `async with nats_connection(...)`")


def test_a_rule_that_fails_is_one_finding_and_the_others_go_on() -> None:
    code = (
        "import nats\nasync def f(url):\n    nc = await nats.connect(url)\n    await nc.close()\n"
        f"    await nc{'.x' * 900}.publish()\n"
    )
    found = lint(ast.parse(code), "module.py", Settings())
    assert [(one.code, one.line) for one in found] == [("NAQ001", 1), ("NAQ301", 3)]


CLASS = """
class Service{number}{base}:
    async def start(self, url):
        self.nc{number} = await nats.connect(url)

    async def send(self):
        await self.nc{number}.publish("a", b"")

    def stop(self):
        self.nc.close()
"""


def calls_to_lint(code: str) -> int:
    """How many function calls it takes to lint a module."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    tree = ast.parse(code)
    profile = sys.getprofile()
    sys.setprofile(count)
    try:
        lint(tree, "module.py", Settings())
    finally:
        sys.setprofile(profile)
    return calls


@pytest.mark.parametrize("chained", [False, True], ids=["side by side", "each on the one before"])
def test_the_cost_is_linear_in_the_number_of_classes(chained: bool) -> None:
    def module(count: int) -> str:
        return "import nats\n" + "".join(
            CLASS.format(number=number, base=f"(Service{number - 1})" if chained and number else "")
            for number in range(count)
        )

    calls_to_lint(module(2))
    assert calls_to_lint(module(160)) < 2.2 * calls_to_lint(module(80))
