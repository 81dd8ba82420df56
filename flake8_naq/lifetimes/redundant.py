"""Which connections of a function do what one could do: opened alike, one after the other."""

from __future__ import annotations

import ast
from collections import defaultdict

from flake8_naq.lifetimes.cfg.graph import BasicBlock, Graph
from flake8_naq.lifetimes.facts import Site

# So many of the others are noted on each.
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
    before = _reaching(graph, opened, bits, forward=True)
    after = _reaching(graph, opened, bits, forward=False)
    for group in groups:
        together = [site for site in group if (before[site] | after[site]) & bits[site]]
        for site in together:
            first = together[: _SHOWN + 1]
            site.shared_with = [other for other in first if other is not site][:_SHOWN]


def _opened_with(site: Site) -> str:
    arguments = [*site.call.args, *site.call.keywords]
    return ";".join([site.flavour, *(ast.dump(argument) for argument in arguments)])


def _reaching(
    graph: Graph, opened: list[tuple[Site, BasicBlock]], bits: dict[Site, int], *, forward: bool
) -> dict[Site, int]:
    """Which groups have an acquisition before (or after) each site on a straight path."""
    edges: dict[BasicBlock, list[BasicBlock]] = defaultdict(list)
    stack, seen = [graph.entry], {graph.entry}
    while stack:
        block = stack.pop()
        for target in block.targets:
            if target in block.successors:
                edges[block if forward else target].append(target if forward else block)
            if target not in seen:
                seen.add(target)
                stack.append(target)
    made: dict[BasicBlock, int] = defaultdict(int)
    for site, block in opened:
        made[block] |= bits[site]
    reached: dict[BasicBlock, int] = defaultdict(int)
    waiting = list(made)
    while waiting:
        block = waiting.pop()
        carried = reached[block] | made[block]
        for target in edges[block]:
            if carried & ~reached[target]:
                reached[target] |= carried
                waiting.append(target)
    return {site: reached[block] for site, block in opened}
