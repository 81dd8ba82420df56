"""The control-flow graph of a function as its reader sees it: lines, edges, the paths that leak.

The analysis has several basic blocks for a line, a copy of a `finally` for each kind of exit, and
blocks that only join. Here, a line is one node.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from flake8_naq.lifetimes.analysis import workspace_of
from flake8_naq.lifetimes.cfg.graph import BasicBlock, Graph
from flake8_naq.lifetimes.facts import Leak, Site
from flake8_naq.lifetimes.lowering import LoweredScope, lower_scope
from flake8_naq.lifetimes.tracing import follow
from flake8_naq.lifetimes.witness import EdgeKind, Step, Witness
from flake8_naq.names import Names
from flake8_naq.names.project import surroundings
from flake8_naq.settings import Settings

# A line's number, or the way out of the function.
Node: TypeAlias = int | str
END, RAISES, CANCELLED = "end", "raises", "cancelled"


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge from one line to another, or out of the function."""

    source: Node
    target: Node
    kind: EdgeKind


@dataclass(frozen=True, slots=True)
class LeakPath:
    """A path on which a connection stays open.

    Attributes:
        name: The connection's name, empty when it has none.
        opened: The line that opens it.
        line: The line that leaves the path.
        how: The event on that line.
        edges: The path, from the line that opens the connection on.
    """

    name: str
    opened: int
    line: int
    how: str
    edges: tuple[Edge, ...]


@dataclass(frozen=True, slots=True)
class FlowGraph:
    """The graph of one scope that opens a connection.

    Attributes:
        qualname: The scope's dotted name, empty for the module.
        first: Its first line.
        last: Its last line.
        edges: Its edges.
        leaks: For each connection that leaks, its most definite path.
    """

    qualname: str
    first: int
    last: int
    edges: tuple[Edge, ...]
    leaks: tuple[LeakPath, ...]


def flow_graphs(tree: ast.Module, settings: Settings, path: str | None = None) -> list[FlowGraph]:
    """The graphs of the scopes that open a connection, in source order.

    Args:
        tree: The module's syntax tree.
        settings: Names of the project's own helpers.
        path: The module's path, as for the analysis.
    """
    context = workspace_of(settings).context(Names(tree, surroundings(path, settings)))
    found = [_drawn(lower_scope(context, scope), tree) for scope in context.candidates]
    return sorted((graph for graph in found if graph), key=lambda graph: graph.first)


def _drawn(lowered: LoweredScope, tree: ast.Module) -> FlowGraph | None:
    if not lowered.graph.sites:
        return None
    witnesses: dict[Site, Witness] = {}

    def witness(graph: Graph, site: Site) -> Witness:
        witnesses[site] = Witness(graph, site)
        return witnesses[site]

    lines = _Lines(lowered.graph)
    follow(lowered, witness)
    leaks = [
        lines.leak_path(site, site.leaks[0], found)
        for site, found in witnesses.items()
        if site.leaks
    ]
    node = lowered.scope.node
    first = 1 if node is tree else int(getattr(node, "lineno", 1))
    edges = tuple(sorted(set(lines.edges()), key=_order))
    return FlowGraph(lowered.scope.qualname, first, lowered.graph.end_line, edges, tuple(leaks))


def _order(edge: Edge) -> tuple[str, ...]:
    return tuple(f"{node:>9}" for node in (edge.source, edge.target, edge.kind))


class _Lines:
    """The lines of a graph's blocks."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._exits = {graph.end: END, graph.failure: RAISES, graph.cancellation: CANCELLED}

    def edges(self) -> Iterator[Edge]:
        """All edges between lines."""
        for block in self._blocks():
            lines = self._of(block)
            yield from _along(lines)
            for step in _steps(block):
                if lines:
                    yield from self._edges_to(lines[-1], step)

    def leak_path(self, site: Site, leak: Leak, witness: Witness) -> LeakPath:
        """The path of one leak."""
        opened = site.call.lineno
        edges = list(self._path_edges(opened, witness.path(leak)))
        while leak.how == "rebound" and edges and edges[-1].target != leak.line:
            edges.pop()  # what follows in the block that binds the name again
        return LeakPath(site.handle or "", opened, leak.line, leak.how, tuple(edges))

    def _path_edges(self, opened: int, steps: list[Step]) -> Iterator[Edge]:
        """The edges between the lines of a path; a block that only joins has no line."""
        here: Node = opened
        kind: EdgeKind = "normal"
        for lines, entered_by in self._visited(opened, steps):
            kind = entered_by if entered_by != "normal" else kind
            for line in lines:
                if line != here:
                    yield Edge(here, line, kind)
                here, kind = line, "normal"

    def _visited(self, opened: int, steps: list[Step]) -> Iterator[tuple[list[Node], EdgeKind]]:
        """The lines of each block on a path, and the edge that enters it."""
        if steps:
            first = self._of(steps[0].source)
            yield first[first.index(opened) + 1 :] if opened in first else first, "normal"
        for step in steps:
            yield self._of(step.target), step.kind

    def _edges_to(self, line: Node, step: Step) -> Iterator[Edge]:
        """The edges from a line to the lines behind a step, through blocks that only join."""
        waiting, seen = [step.target], {step.target}
        while waiting:
            block = waiting.pop()
            lines = self._of(block)
            if lines and lines[0] != line:
                yield Edge(line, lines[0], step.kind)
            elif not lines:
                fresh = [target for target in block.targets if target not in seen]
                seen.update(fresh)
                waiting += fresh

    def _of(self, block: BasicBlock) -> list[Node]:
        """The lines of a block: of its statements, and the one that ends it."""
        if block in self._exits:
            return [self._exits[block]]
        head = (block.line,) if block in self._graph.loop_heads else ()
        ends = block.returning_line or block.raising_line
        return list(dict.fromkeys((*head, *block.lines, *((ends,) if ends else ()))))

    def _blocks(self) -> Iterator[BasicBlock]:
        waiting, seen = [self._graph.entry], {self._graph.entry}
        while waiting:
            block = waiting.pop()
            yield block
            fresh = [target for target in block.targets if target not in seen]
            seen.update(fresh)
            waiting += fresh


def _along(lines: list[Node]) -> Iterator[Edge]:
    """The edges from each of some lines to the next."""
    for source, target in pairwise(lines):
        yield Edge(source, target, "normal")


def _steps(block: BasicBlock) -> Iterator[Step]:
    yield from (Step(block, "normal", target) for target in block.successors)
    if block.raises is not None:
        yield Step(block, "raises", block.raises)
    if block.cancels is not None:
        yield Step(block, "cancelled", block.cancels)
