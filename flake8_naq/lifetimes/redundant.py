"""Redundant connections of a function: opened alike, one after the other."""

from __future__ import annotations

import ast
from collections import defaultdict

from flake8_naq.lifetimes.cfg.graph import BasicBlock, Graph
from flake8_naq.lifetimes.facts import Site

# Each connection lists this many of the others.
_SHOWN = 3


def find_redundant(sites: list[Site], graph: Graph) -> None:
    """Note on each hand-managed connection the others that could be the same one."""
    alike: dict[str, list[Site]] = defaultdict(list)
    for site in sites:
        if site.manual:
            alike[_opened_with(site)].append(site)
    groups = [group for group in alike.values() if len(group) > 1]
    if not groups:
        return
    bits = {site: 1 << number for number, group in enumerate(groups) for site in group}
    opened = [(site, block) for site, block in graph.sites if site in bits]
    edges = _normal_edges(graph)
    before = _reaching(edges, opened, bits)
    after = _reaching([(target, block) for block, target in edges], opened, bits)
    for group in groups:
        _link([site for site in group if (before[site] | after[site]) & bits[site]])


def _link(together: list[Site]) -> None:
    """Note on each of these connections the first of the others."""
    for site in together:
        first = together[: _SHOWN + 1]
        site.shared_with = [other for other in first if other is not site][:_SHOWN]


def _opened_with(site: Site) -> str:
    arguments = [*site.call.args, *site.call.keywords]
    return ";".join([site.flavour, *(ast.dump(argument) for argument in arguments)])


def _normal_edges(graph: Graph) -> list[tuple[BasicBlock, BasicBlock]]:
    """The edges of the graph that no exception takes."""
    edges: list[tuple[BasicBlock, BasicBlock]] = []
    stack, seen = [graph.entry], {graph.entry}
    while stack:
        block = stack.pop()
        edges += [(block, target) for target in block.successors]
        found = [target for target in dict.fromkeys(block.targets) if target not in seen]
        seen.update(found)
        stack += found
    return edges


def _reaching(
    edges: list[tuple[BasicBlock, BasicBlock]],
    opened: list[tuple[Site, BasicBlock]],
    bits: dict[Site, int],
) -> dict[Site, int]:
    """The groups that have an acquisition before each site, along these edges."""
    targets: dict[BasicBlock, list[BasicBlock]] = defaultdict(list)
    for block, target in edges:
        targets[block].append(target)
    made: dict[BasicBlock, int] = defaultdict(int)
    for site, block in opened:
        made[block] |= bits[site]
    reached: dict[BasicBlock, int] = defaultdict(int)
    worklist = list(made)
    while worklist:
        block = worklist.pop()
        carried = reached[block] | made[block]
        for target in targets[block]:
            if carried & ~reached[target]:
                reached[target] |= carried
                worklist.append(target)
    return {site: reached[block] for site, block in opened}
