"""The facts about the whole module, for the lowering of one scope."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from flake8_naq.lifetimes.callees import Acquirer, Callees, Functions, ParameterFate
from flake8_naq.lifetimes.candidates import Candidates
from flake8_naq.lifetimes.dataflow.trace import Trace
from flake8_naq.lifetimes.facts import Failure
from flake8_naq.lifetimes.mentions import Mentions
from flake8_naq.names import Names, Scope, dotted
from flake8_naq.names.vocabulary import CLIENT_CLASSES, Vocabulary

# What an import may take a client's class from, or the class itself.
_CLIENT_ORIGINS = frozenset(
    ".".join(parts[:length])
    for parts in (name.split(".") for name in CLIENT_CLASSES)
    for length in range(1, len(parts) + 1)
)


@dataclass(eq=False, slots=True)
class Context:
    """The module's names and functions.

    Attributes:
        names: What names stand for.
        vocabulary: Which functions acquire, derive and close, by name.
        functions: What is known of the project's own functions, None to look at no other one.
        callees: What the module's calls call.
        candidates: The scopes that may open a connection.
        mentions: Which scopes mention a name.
        failures: Scopes that could not be analysed.
        traces: What became of the connections of each scope that was followed.
        acquirers: How the module's functions hand out connections, as far as somebody asked.
        managers: What its context managers yield, as far as somebody asked.
        fates: What its functions do with a parameter, as far as somebody asked.
    """

    names: Names
    vocabulary: Vocabulary
    functions: Functions | None = None
    callees: Callees = field(init=False)
    candidates: Candidates = field(init=False)
    mentions: Mentions = field(init=False)
    failures: list[Failure] = field(default_factory=list)
    traces: dict[Scope, list[Trace]] = field(default_factory=dict)
    acquirers: dict[ast.AST, Acquirer | None] = field(default_factory=dict)
    managers: dict[ast.AST, Acquirer | None] = field(default_factory=dict)
    fates: dict[tuple[ast.AST, str], ParameterFate] = field(default_factory=dict)
    _clients: dict[Scope, set[str]] = field(default_factory=dict)
    _knows_clients: bool = field(init=False)

    def __post_init__(self) -> None:
        self.mentions = Mentions(self.names)
        imported = {origin for scope in self.names.importing() for origin in scope.imports.values()}
        imported.update(self.names.stars)
        self._knows_clients = not imported.isdisjoint(_CLIENT_ORIGINS)
        self.callees = Callees(self.names, self.vocabulary, self.functions)
        self.candidates = Candidates(self.names, self.vocabulary, self.callees)

    def is_fixture(self, node: ast.AST) -> bool:
        """Whether a function is a pytest fixture: nothing is raised at its `yield`."""
        return any("fixture" in name for name in decorators_of(node))

    def is_client(self, call: ast.expr | None, scope: Scope) -> bool:
        """Whether an expression makes a client that is not connected yet, `NATS()`."""
        if not isinstance(call, ast.Call):
            return False
        name = self.names.resolve(call.func, scope)
        if name is not None:
            return name in CLIENT_CLASSES
        if isinstance(call.func, ast.Name) and call.func.id in self.names.module.classes:
            bases = self.names.module.classes[call.func.id].bases
            module = self.names.module
            return any(self.names.resolve(base, module) in CLIENT_CLASSES for base in bases)
        return False

    def holds_client(self, place: str, scope: Scope) -> bool:
        """Whether a name or attribute is given such a client somewhere in its own scope."""
        if not self._knows_clients:
            return False
        root = place.partition(".")[0]
        if root in ("self", "cls"):
            holder = self.names.class_around(scope)
            return holder is not None and place in self._clients_in(holder)
        current: Scope | None = scope
        while current is not None:
            if place in self._clients_in(current):
                return True
            if root in current.bound and root not in current.declared:
                return False
            current = current.parent
        return False

    def _clients_in(self, holder: Scope) -> set[str]:
        """Places that are given a fresh client in a scope (of a class: in its methods)."""
        if holder not in self._clients:
            scopes = (
                [holder, *holder.children] if isinstance(holder.node, ast.ClassDef) else [holder]
            )
            self._clients[holder] = {
                path
                for scope in scopes
                for target, value in _given(scope)
                if self.is_client(value, scope) and (path := dotted(target)) is not None
            }
        return self._clients[holder]


def decorators_of(node: ast.AST) -> list[str]:
    """The dotted names of a function's decorators, as written."""
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return []
    called = [
        decorator.func if isinstance(decorator, ast.Call) else decorator
        for decorator in node.decorator_list
    ]
    return [dotted(decorator) or "" for decorator in called]


def _given(scope: Scope) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Targets and what they are given, of every binding in a scope."""
    for node in scope.bindings:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                yield target, node.value
        elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
            yield node.target, node.value
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            yield node.optional_vars, node.context_expr
