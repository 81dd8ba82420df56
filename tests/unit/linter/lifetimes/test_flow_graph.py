"""The control-flow graph that a reader sees, and the path that leaks in it."""

from __future__ import annotations

import ast
from itertools import pairwise
from pathlib import Path
from textwrap import dedent

import pytest

from flake8_naq.lifetimes.flow_graph import Edge, FlowGraph, flow_graphs
from flake8_naq.linter import lint
from flake8_naq.rules import all_rules
from flake8_naq.settings import Settings

PAIRS = Path(__file__).parents[2] / "migrate" / "data"
CODE = {
    **{
        f"{rule.number} {example.title}": example.code
        for rule in all_rules()
        for example in (*rule.bad, *rule.good, *rule.misses)
    },
    **{file.parent.name: file.read_text("utf-8") for file in PAIRS.glob("*/before.py")},
}


def graphs(code: str) -> list[FlowGraph]:
    return flow_graphs(ast.parse(dedent(code)), Settings(), "example.py")


def path(code: str) -> list[tuple[object, object, str]]:
    (graph,) = graphs(code)
    (leak,) = graph.leaks
    return [(edge.source, edge.target, edge.kind) for edge in leak.edges]


def test_each_line_that_can_raise_has_an_edge_out_of_the_function() -> None:
    (graph,) = graphs("""\
        import nats
        async def up(url):
            nc = await nats.connect(url)
            await nc.close()
        """)
    assert (graph.qualname, graph.first, graph.last) == ("up", 2, 4)
    assert set(graph.edges) == {
        Edge(3, 4, "normal"),
        Edge(3, "raises", "raises"),
        Edge(4, "end", "normal"),
        Edge(4, "raises", "raises"),
        Edge(4, "cancelled", "cancelled"),
    }


def test_the_copies_of_a_finally_are_one_line() -> None:
    (graph,) = graphs("""\
        import nats
        async def up(url):
            nc = await nats.connect(url)
            try:
                await nc.flush()
            finally:
                await nc.close()
        """)
    assert {edge.kind for edge in graph.edges if (edge.source, edge.target) == (5, 7)} == {
        "normal",
        "raises",
        "cancelled",
    }
    assert graph.leaks == ()


def test_a_path_leaves_by_the_line_that_raises() -> None:
    assert path("""\
        import nats
        async def up(url):
            nc = await nats.connect(url)
            js = nc.jetstream()
            await js.publish("up", b"")
            await nc.close()
        """) == [(3, 4, "normal"), (4, 5, "normal"), (5, "raises", "raises")]


def test_a_path_leaves_by_a_return_through_a_finally() -> None:
    assert path("""\
        import nats
        async def up(url, quiet):
            nc = await nats.connect(url)
            try:
                if quiet:
                    return
                await nc.flush()
                await nc.close()
            except BaseException:
                await nc.close()
                raise
        """) == [(3, 4, "normal"), (4, 5, "normal"), (5, 6, "normal"), (6, "end", "normal")]


def test_a_path_goes_on_to_the_end_behind_the_last_mention() -> None:
    assert path("""\
        import nats
        async def up(url):
            nc = await nats.connect(url)
            await nc.flush()
            print("up")
        """)[-2:] == [(4, 5, "normal"), (5, "end", "normal")]


def test_a_path_ends_at_the_line_that_binds_the_name_again() -> None:
    assert path("""\
        import nats
        async def up(urls):
            for url in urls:
                nc = await nats.connect(url)
                await nc.flush()
            await nc.close()
        """) == [(4, 5, "normal"), (5, 3, "normal"), (3, 4, "normal")]


def test_a_line_of_the_module_has_a_graph_too() -> None:
    (graph,) = graphs("import nats, asyncio\nnc = asyncio.run(nats.connect())\nprint(nc)\n")
    assert (graph.qualname, graph.first) == ("", 1)


@pytest.mark.parametrize("code", CODE.values(), ids=CODE)
def test_a_path_runs_along_edges_of_the_graph(code: str) -> None:
    for graph in graphs(code):
        edges = {(edge.source, edge.target) for edge in graph.edges}
        for leak in graph.leaks:
            assert [edge.source for edge in leak.edges[:1]] in ([], [leak.opened])
            assert {(edge.source, edge.target) for edge in leak.edges} <= edges
            assert all(one.target == other.source for one, other in pairwise(leak.edges))


@pytest.mark.parametrize("code", CODE.values(), ids=CODE)
def test_each_leak_that_the_linter_reports_has_its_path(code: str) -> None:
    reported = {
        finding.site.call.lineno
        for finding in lint(ast.parse(code), "example.py", Settings())
        if finding.rule == "11" and finding.site
    }
    drawn = {leak.opened for graph in graphs(code) for leak in graph.leaks}
    assert reported <= drawn
