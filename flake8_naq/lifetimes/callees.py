"""Resolves the callee of a call by the name's origin, in this file or another one of the project."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Protocol

from flake8_naq.lifetimes.facts import Returned
from flake8_naq.names import Function, Known, Names, Scope, dotted
from flake8_naq.names.vocabulary import NAQ_CONNECT, Flavour, HandleKind, Origin, Vocabulary


@dataclass(frozen=True, slots=True)
class Acquirer:
    """A function of the project that hands out a fresh connection.

    Attributes:
        returned: What it returns, or yields as a context manager: one thing, or the parts of a
            tuple. A part is ``"connection"``, the kind of a handle, or None.
        is_tuple: Whether it returns a tuple.
        awaits_close: Whether the close of what it returns is to be awaited.
    """

    returned: tuple[Returned, ...]
    is_tuple: bool
    awaits_close: bool


@dataclass(frozen=True, slots=True)
class ParameterFate:
    """The summary of a project function: its effect on a connection argument.

    Attributes:
        closes: It closes it.
        keeps: It puts it where it outlives the call, or hands it to somebody unknown.
        derives: It returns a handle derived from it.
    """

    closes: bool = False
    keeps: bool = False
    derives: HandleKind | None = None


class Functions(Protocol):
    """The summaries of the project's own functions."""

    def acquirer(self, known: Known) -> Acquirer | None:
        """How a function hands out a fresh connection, None when it does not."""
        ...

    def manager(self, known: Known) -> Acquirer | None:
        """The connection that a context manager yields, None for any other value."""
        ...

    def fate(self, known: Known, parameter: str) -> ParameterFate:
        """The effect on a connection that goes to the parameter of this name."""
        ...


@dataclass(frozen=True, slots=True)
class Callee:
    """The callee of a call.

    Attributes:
        name: The dotted name that it was imported as, None for what the module itself made.
        function: The function of the project, None for any other.
        flavour: Which kind of connection an awaited call opens, None for no connection.
        configured: Whether the project named this opener: it may be a plain function.
        acquirer: How the project's function hands out the connection.
        closes: Whether it is a named closer of the connection that it is given.
        derives_jetstream: Whether it is a named function that derives JetStream.
        manages: Whether it is a named context manager that yields a connection or a handle.
        yields: What the project's context manager yields.
    """

    name: str | None
    function: Known | None
    flavour: Flavour | None
    configured: bool
    acquirer: Acquirer | None
    closes: bool
    derives_jetstream: bool
    manages: bool
    yields: Acquirer | None

    @property
    def factory(self) -> str:
        """The dotted name of the project's own function, empty when it opens no connection."""
        if self.function is None or self.acquirer is None:
            return ""
        names = self.function.names
        qualname = names.scope_of(self.function.node).qualname
        aliases = names.elsewhere.own_aliases(qualname, frozenset()) if names.elsewhere else ()
        longest = max(aliases, key=lambda name: (len(name), name), default=qualname)
        return longest.removeprefix("src.")

    @property
    def opens(self) -> bool:
        """Whether a call may open a connection."""
        return bool(self.flavour or self.manages or self.yields)


class Callees:
    """Resolves the calls of one module.

    Args:
        names: What the module's names stand for.
        vocabulary: Which functions acquire, derive and close, by name.
        functions: What is known of the project's own functions, None to look at no function but
            the one that is lowered.
    """

    def __init__(self, names: Names, vocabulary: Vocabulary, functions: Functions | None) -> None:
        self._names = names
        self._vocabulary = vocabulary
        self._functions = functions
        self._found: dict[tuple[Scope, str], Callee] = {}
        self._has_naq: bool | None = None

    def of(self, function: ast.expr, scope: Scope) -> Callee:
        """The callee for this expression in this scope."""
        text = dotted(function)
        if text is None:
            return self._resolve(function, scope)
        key = (scope, text)
        if key not in self._found:
            self._found[key] = self._resolve(function, scope)
        return self._found[key]

    def fate(
        self, callee: Callee, call: ast.Call, argument: ast.expr, scope: Scope
    ) -> ParameterFate | None:
        """The effect of a project function on an argument, None for any other function."""
        if self._functions is None:
            return None
        known = callee.function or _function(self._names.definition(call.func, scope))
        if known is None or isinstance(known.node, ast.ClassDef):
            return None
        parameter = parameter_for(known.node, call, argument)
        return None if parameter is None else self._functions.fate(known, parameter)

    def _resolve(self, function: ast.expr, scope: Scope) -> Callee:
        name = self._names.resolve(function, scope)
        defined = self._names.definition(function, scope, opening=True)
        own = _function(defined)
        origin = self._origin(name, own)
        called = name
        if called is None:
            called = own.node.name if own is not None and origin.names else ""
        vocabulary = self._vocabulary
        flavour = vocabulary.connects(called, origin)
        acquirer = yields = None
        if own is not None and self._functions is not None:
            acquirer = self._functions.acquirer(own)
            if acquirer is None and flavour is None:
                yields = self._functions.manager(own)
            elif flavour is None:
                flavour = self._flavour_of(own)
        elif defined is not None and self._functions is not None:
            yields = self._functions.manager(defined)
        return Callee(
            name,
            own,
            flavour,
            vocabulary.is_configured(called, origin),
            acquirer,
            vocabulary.closes(called, origin),
            vocabulary.derives_jetstream(called, origin),
            vocabulary.manages(called, origin),
            yields,
        )

    def _origin(self, name: str | None, own: Known | None) -> Origin:
        """Where a name comes from, as far as the project's files show it."""
        elsewhere = self._names.elsewhere
        options = self._vocabulary.dotted_options
        if name is None:
            if elsewhere is None or own is None or own.names is not self._names:
                return Origin(False, frozenset())
            qualname = self._names.scope_of(own.node).qualname
            return Origin(False, elsewhere.own_aliases(qualname, options))
        aliases = elsewhere.aliases(name, options) if elsewhere is not None else None
        if elsewhere is not None and aliases:
            return Origin(elsewhere.is_naqs(name), aliases)
        is_naq = name.startswith((".", "naq.")) or "." not in name
        return Origin(is_naq, frozenset([name]))

    def _flavour_of(self, own: Known) -> Flavour:
        """Which context managers fit a connection that the project's own function opens."""
        if self._has_naq is None:
            self._has_naq = self._project_has_naq()
        named = isinstance(own.node, ast.ClassDef) or own.node.name in NAQ_CONNECT
        return "naq" if named and self._has_naq else "nats-py"

    def _project_has_naq(self) -> bool:
        scopes = self._names.importing()
        imported = (origin for scope in scopes for origin in scope.imports.values())
        if any(origin.partition(".")[0] == "naq" for origin in imported):
            return True
        elsewhere = self._names.elsewhere
        return elsewhere is not None and elsewhere.defines("naq")


def _function(known: Known | None) -> Known | None:
    """The summary of a function, None for a class."""
    return None if known is None or isinstance(known.node, ast.ClassDef) else known


def parameter_for(function: Function, call: ast.Call, argument: ast.expr) -> str | None:
    """The name of the parameter that an argument of a call goes to, None when it is not plain."""
    for keyword in call.keywords:
        if keyword.value is argument:
            return keyword.arg
    if any(isinstance(item, ast.Starred) for item in call.args) or argument not in call.args:
        return None
    positional = [*function.args.posonlyargs, *function.args.args]
    if isinstance(call.func, ast.Attribute) and positional and positional[0].arg in ("self", "cls"):
        positional = positional[1:]
    index = call.args.index(argument)
    return positional[index].arg if index < len(positional) else None
