"""Puts the parts together: which scopes are looked into, and in which order."""

from __future__ import annotations

import ast

from flake8_naq.lifetimes.context import Context
from flake8_naq.lifetimes.dataflow.nullness import facts_on_entry
from flake8_naq.lifetimes.dataflow.propagation import Propagation
from flake8_naq.lifetimes.dataflow.trace import Trace
from flake8_naq.lifetimes.facts import Failure, ModuleAnalysis, Site
from flake8_naq.lifetimes.lowering import lower_scope
from flake8_naq.lifetimes.ownership import conclude
from flake8_naq.lifetimes.redundant import find_redundant
from flake8_naq.lifetimes.summaries import Fates, acquirer_of
from flake8_naq.lifetimes.vocabulary import Vocabulary
from flake8_naq.names import Names, Scope
from flake8_naq.settings import Settings


def analyse(tree: ast.Module, settings: Settings) -> ModuleAnalysis:
    """Find every connection of a module and follow it.

    Args:
        tree: The module's syntax tree.
        settings: Names of the project's own helpers.
    """
    names = Names(tree)
    context = Context(names, Vocabulary(settings))
    context.fate_of = Fates(context).of
    analysis = ModuleAnalysis(tree, names)
    found = {
        scope: _look_into(scope, context, analysis) for scope in _acquiring_scopes(tree, context)
    }
    _note_acquirers(found, context)
    for scope in _callers_of_acquirers(context):
        found[scope] = _look_into(scope, context, analysis)
    analysis.sites = sorted(
        (trace.site for traces in found.values() for trace in traces),
        key=lambda site: (site.call.lineno, site.call.col_offset),
    )
    return analysis


def _acquiring_scopes(tree: ast.Module, context: Context) -> list[Scope]:
    """The scopes that may open a connection by themselves."""
    wanted = context.vocabulary.opening_names
    wanted = wanted | _aliases(tree, wanted)
    names = context.names
    return [scope for scope in names.scopes.values() if _may_acquire(scope, names, wanted)]


def _note_acquirers(found: dict[Scope, list[Trace]], context: Context) -> None:
    """Note which of these scopes are functions that return a fresh connection."""
    for scope, traces in found.items():
        if isinstance(scope.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            acquirer = acquirer_of(traces, scope)
            if acquirer is not None:
                context.acquirers[scope.node] = acquirer


def _callers_of_acquirers(context: Context) -> list[Scope]:
    """The scopes that call a function which returns a fresh connection."""
    if not context.acquirers:
        return []
    names = context.names
    return [
        scope
        for scope in names.scopes.values()
        if any(names.own_function(call.func, scope) in context.acquirers for call in scope.calls)
    ]


def _aliases(tree: ast.Module, wanted: set[str]) -> set[str]:
    """Names that the module gives to openers: ``connect_to_bus = nats.connect``."""
    return {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, (ast.Name, ast.Attribute))
        if _last_name(node.value) in wanted
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _may_acquire(scope: Scope, names: Names, wanted: set[str]) -> bool:
    """Whether a scope calls anything whose last name is that of an opener or a context manager."""
    for call in scope.calls:
        last = _last_name(call.func)
        if last in wanted:
            return True
        origin = scope.imports.get(last) or names.module.imports.get(last)
        if origin is not None and origin.rpartition(".")[2] in wanted:
            return True
    return False


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _look_into(scope: Scope, context: Context, analysis: ModuleAnalysis) -> list[Trace]:
    """Follow every connection that one scope acquires; a crash becomes a failure of that scope."""
    try:
        lowered = lower_scope(context, scope)
        graph = lowered.graph
        traces = []
        if graph.sites:
            facts = facts_on_entry(graph)
            seen: set[Site] = set()
            for site, block in graph.sites:
                if block.order >= 0 and block in facts and site not in seen:
                    seen.add(site)
                    traces.append(Propagation(graph, site).from_acquisition(block, facts[block]))
            for trace in traces:
                conclude(trace, lowered)
            find_redundant([trace.site for trace in traces], graph)
        return traces
    except Exception as error:  # noqa: BLE001  one function's trouble is not the whole run's
        analysis.failures.append(Failure(scope.node, scope.qualname, error))
        return []
