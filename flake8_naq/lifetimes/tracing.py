"""Follows every connection that a scope acquires, once for each scope."""

from __future__ import annotations

from collections.abc import Callable

from flake8_naq.lifetimes.cfg.graph import Graph
from flake8_naq.lifetimes.context import Context
from flake8_naq.lifetimes.dataflow.nullness import facts_on_entry
from flake8_naq.lifetimes.dataflow.propagation import Propagation
from flake8_naq.lifetimes.dataflow.trace import Trace
from flake8_naq.lifetimes.facts import Failure, Site
from flake8_naq.lifetimes.lowering import LoweredScope, lower_scope
from flake8_naq.lifetimes.ownership import conclude
from flake8_naq.lifetimes.patched import replaces_opener
from flake8_naq.lifetimes.redundant import find_redundant
from flake8_naq.names import Scope


def trace(scope: Scope, context: Context) -> list[Trace]:
    """Trace each connection of a scope; a crash becomes a failure of that scope."""
    if scope not in context.traces:
        # A scope that is asked for again while it is lowered is a circle.
        context.traces[scope] = []
        try:
            context.traces[scope] = follow(lower_scope(context, scope))
        except Exception as error:  # noqa: BLE001  one function's trouble is not the whole run's
            context.failures.append(Failure(scope.node, scope.qualname, error))
    return context.traces[scope]


def follow(
    lowered: LoweredScope, propagate: Callable[[Graph, Site], Propagation] = Propagation
) -> list[Trace]:
    """Trace each connection of a lowered scope, and conclude what becomes of it.

    Args:
        lowered: The scope.
        propagate: Makes the propagation of one connection.
    """
    graph = lowered.graph
    if not graph.sites:
        return []
    facts = facts_on_entry(graph)
    traces: list[Trace] = []
    seen: set[Site] = set()
    for site, block in graph.sites:
        if block.order >= 0 and block in facts and site not in seen:
            seen.add(site)
            traces.append(propagate(graph, site).from_acquisition(block, facts[block]))
    patched = replaces_opener(lowered.scope)
    for found in traces:
        found.site.owned = found.site.owned or patched
        conclude(found, lowered)
    find_redundant([found.site for found in traces], graph)
    return traces
