"""The meaning of a function's calls for connections: open, derive, close, manage."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

from flake8_naq.migrate.match.declared_helpers import DeclaredHelpers, Role
from flake8_naq.migrate.prove.declared import Given, Lease, given_to, lease, opener
from flake8_naq.migrate.prove.options import Called, Options
from flake8_naq.names import Names, Scope, own_nodes
from flake8_naq.settings import Settings

CONNECT = frozenset({"nats.connect", "nats.client.connect", "nats.aio.client.connect"})
CLIENTS = frozenset(
    {
        "nats.NATS",
        "nats.Client",
        "nats.aio.client.Client",
        "nats.aio.client.NATS",
        "nats.client.Client",
        "nats.client.NATS",
    }
)
NAQ_CONNECT = "get_nats_connection"
NAQ_CLOSE = "close_nats_connection"
# They await their argument and return its result.
_WRAPPERS = frozenset({"asyncio.wait_for", "asyncio.shield"})
_PURE = (ast.Name, ast.Attribute, ast.Constant, ast.JoinedStr, ast.FormattedValue)
_DEEPEST = 4

# `client`: nats-py's own client. `helper`: naq's, from a helper. `declared`: a project's function,
# which may give anything.
Kind = Literal["client", "helper", "declared"]
Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Opening:
    """A call that opens a connection.

    Attributes:
        call: The call.
        kind: The kind of connection that it returns.
        quiet: Whether no callback of the program runs when the connection closes.
        index: Which element of a tuple is the connection, None for no tuple.
    """

    call: ast.Call
    kind: Kind
    quiet: bool
    index: int | None = None


class Meaning:
    """The meaning of the calls in one function.

    Attributes:
        scope: The function.
    """

    def __init__(
        self, names: Names, scope: Scope, settings: Settings, helpers: DeclaredHelpers
    ) -> None:
        self._names = names
        self.scope = scope
        self._settings = settings
        self._helpers = helpers
        self._parameters: frozenset[str] = frozenset()
        if isinstance(scope.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            arguments = scope.node.args
            every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
            self._parameters = frozenset(argument.arg for argument in every)

    @property
    def module(self) -> Scope:
        """The module around the function."""
        return self._names.module

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """The nodes of the function, those of functions inside it left out."""
        return list(own_nodes(self.scope.node))

    def origin(self, function: ast.expr) -> str:
        """The dotted name that a function was imported as, empty where the module made it."""
        return self._names.resolve(function, self.scope) or ""

    def is_module(self, expression: ast.expr) -> bool:
        """Whether an attribute is read off an imported module or name."""
        while isinstance(expression, ast.Attribute):
            expression = expression.value
        return isinstance(expression, ast.Name) and any(
            expression.id in holder.imports for holder in self._chain()
        )

    def _chain(self) -> list[Scope]:
        found = [self.scope]
        while found[-1].parent is not None:
            found.append(found[-1].parent)
        return found

    @cached_property
    def options(self) -> Options:
        """The options that the function passes to a connect."""
        return Options(self.nodes, self._is_own, self._options_of)

    def _is_own(self, name: str) -> bool:
        return name not in self._parameters and name not in self.scope.declared

    def _options_of(self, function: ast.expr) -> Called | None:
        if not isinstance(function, ast.Name) and not self.is_module(function):
            return None  # another class may override a method
        found = self.called(function)
        if found is None or isinstance(found[1], ast.AsyncFunctionDef):
            return None
        inside, node = found
        return (inside.options, _returns(node)) if not inside.scope.yields else None

    # -- opening

    def opened_by(self, expression: ast.expr | None) -> Opening | None:
        """The call that opens the connection which an awaited expression gives."""
        call = self.awaited(expression)
        return self.opening(call) if call else None

    def awaited(self, expression: ast.expr | None) -> ast.Call | None:
        """The call that an expression awaits, through `wait_for` and its like."""
        if not isinstance(expression, ast.Await) or not isinstance(expression.value, ast.Call):
            return None
        call = expression.value
        for _ in range(_DEEPEST):
            if self.origin(call.func) not in _WRAPPERS:
                break
            if not call.args or not isinstance(call.args[0], ast.Call):
                return None
            call = call.args[0]
        return call

    def opening(self, call: ast.Call, depth: int = 0) -> Opening | None:
        """The connection that a call opens, None for none."""
        if isinstance(call.func, ast.Name) and call.func.id in self._parameters:
            return None
        name = self.origin(call.func)
        if name in CONNECT:
            return Opening(call, "client", self.options.are_quiet(call))
        if self._names.own_function(call.func, self.scope) is not None:
            own = self.called(call.func)
            return self._factory(call, *own, depth) if own else None
        declared = self._helpers.find(name)
        if declared is not None and declared.gives_client:
            return Opening(call, "client", quiet=False)
        if opener(self._helpers, name) is not None:
            # A project's own function may register callbacks out of our sight.
            return Opening(call, "helper", quiet=name.rpartition(".")[2] == NAQ_CONNECT)
        if _listed(name, self._settings.connect_functions):
            return Opening(call, "declared", quiet=False)
        found = self.called(call.func, opening=True)
        return self._factory(call, *found, depth) if found else None

    def called(
        self, function: ast.expr, *, opening: bool = False
    ) -> tuple[Meaning, Function] | None:
        """The function of the project that a call names, with what its calls mean.

        Args:
            function: What is called.
            opening: Only a function that may open a connection is of interest.
        """
        if isinstance(function, ast.Name) and function.id in self._parameters:
            return None
        known = self._names.definition(function, self.scope, opening=opening)
        if known is None or isinstance(known.node, ast.ClassDef) or known.node.decorator_list:
            return None
        scope = known.names.scope_of(known.node)
        if _is_defined_again(known.node, scope):
            return None
        return Meaning(known.names, scope, self._settings, self._helpers), known.node

    def _factory(
        self, call: ast.Call, inside: Meaning, function: Function, depth: int
    ) -> Opening | None:
        """A function of the project that gives the client itself on every branch."""
        if depth == _DEEPEST or not _always_leaves(function.body):
            return None
        found = {inside._given(node, depth) for node in _returns(function)}
        if len(found) != 1 or None in found:
            return None
        given = found.pop()
        assert given is not None
        kind, quiet, index = given
        return Opening(call, kind, quiet, index)

    def _given(self, node: ast.Return, depth: int) -> tuple[Kind, bool, int | None] | None:
        """The client that one ``return`` of a factory returns."""
        value, index = node.value, None
        if isinstance(value, ast.Tuple):
            ours = [i for i, part in enumerate(value.elts) if self._client(part, depth)]
            if len(ours) != 1:
                return None
            index = ours[0]
            value = value.elts[index]
        opening = self._client(value, depth)
        return (opening.kind, opening.quiet, index) if opening else None

    def _client(self, value: ast.expr | None, depth: int) -> Opening | None:
        function = self.scope.node
        if isinstance(value, ast.Await) and isinstance(value.value, ast.Call):
            return self.opening(value.value, depth + 1)
        if isinstance(value, ast.Call) and isinstance(function, ast.FunctionDef):
            return self.opening(value, depth + 1)
        return self._bound_client(value, depth) if isinstance(value, ast.Name) else None

    def _bound_client(self, name: ast.Name, depth: int) -> Opening | None:
        """A variable of the function's own that every assignment gives a client."""
        if not self._is_own(name.id):
            return None
        found: Opening | None = None
        for node in self.nodes:
            match node:
                case ast.Attribute(value=ast.Name(id=owner), ctx=ast.Store()) if owner == name.id:
                    return None
                case (
                    ast.Assign(targets=[ast.Name(id=target)], value=value)
                    | ast.AnnAssign(target=ast.Name(id=target), value=ast.expr() as value)
                ) if target == name.id:
                    opening = self._made_or_opened(name.id, value, depth)
                    if opening is None or (found is not None and opening.kind != found.kind):
                        return None
                    quiet = opening.quiet and (found is None or found.quiet)
                    found = Opening(opening.call, opening.kind, quiet)
                case ast.Name(id=target, ctx=ast.Store()) if target == name.id:
                    if not self._assigned_alone(node):
                        return None
        return found

    def _assigned_alone(self, node: ast.AST) -> bool:
        return any(
            (isinstance(binding, ast.Assign) and binding.targets == [node])
            or (isinstance(binding, ast.AnnAssign) and binding.target is node)
            for binding in self.scope.bindings
        )

    def _made_or_opened(self, name: str, value: ast.expr, depth: int) -> Opening | None:
        if isinstance(value, ast.Await) and isinstance(value.value, ast.Call):
            return self.opening(value.value, depth + 1)
        if not isinstance(value, ast.Call) or not self.makes(value):
            return None
        dials = [
            node
            for node in self.nodes
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "connect"
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == name
        ]
        return Opening(value, "client", bool(dials) and all(map(self.options.are_quiet, dials)))

    def makes(self, value: ast.expr | None) -> bool:
        """Whether an expression makes a client of nats-py that is not connected."""
        return (
            isinstance(value, ast.Call)
            and not value.args
            and not value.keywords
            and self.origin(value.func) in CLIENTS
        )

    # -- deriving, closing, managing

    def derives_from(self, value: ast.expr | None) -> str | None:
        """The variable whose JetStream an expression derives, without any other effect."""
        match value:
            case ast.Await(
                value=ast.Call(func=function, args=[ast.Name(id=name)], keywords=[])
            ) if self._derives(function):
                return name
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=name), attr="jetstream"), args=[], keywords=[]
            ):
                return name
        return None

    def _derives(self, function: ast.expr) -> bool:
        name = self.origin(function)
        return self._has_role(name, "derives") or _listed(name, self._settings.jetstream_functions)

    def _has_role(self, name: str, role: Role) -> bool:
        helper = self._helpers.find(name)
        return helper is not None and helper.role == role

    def binds(self, value: ast.expr | None) -> tuple[str, ast.expr] | None:
        """The JetStream or the connection that a bucket is bound from, and the bucket's name."""
        match value:
            case ast.Await(
                value=ast.Call(func=ast.Attribute(value=owner, attr="key_value")) as call
            ):
                given = [*call.args, *(word.value for word in call.keywords)]
                named = all(word.arg == "bucket" for word in call.keywords)
                if len(given) != 1 or not named or isinstance(given[0], ast.Starred):
                    return None
                if isinstance(owner, ast.Name):
                    return owner.id, given[0]
                source = self.derives_from(owner)
                return (source, given[0]) if source is not None else None
        return None

    def closes(self, value: ast.expr) -> tuple[str, str] | None:
        """The way in which an awaited call closes a connection, and its variable (empty: the pool's).

        The ways are ``close``, ``drain``, ``helper`` for one that a rule declares, ``pooled`` and the
        name of a configured closer.
        """
        if not isinstance(value, ast.Await) or not isinstance(value.value, ast.Call):
            return None
        call = value.value
        given = [*call.args, *(word.value for word in call.keywords)]
        match call.func:
            case ast.Attribute(value=ast.Name(id=name), attr="close" | "drain" as method):
                return (method, name) if not given else None
        origin = self.origin(call.func)
        helper = self._has_role(origin, "closes")
        if len(given) > 1 or not (helper or _listed(origin, self._settings.close_functions)):
            return None
        if given and isinstance(given[0], ast.Name):
            return ("helper" if helper else origin), given[0].id
        return ("pooled", "") if origin.rpartition(".")[2] == NAQ_CLOSE else None

    def closer(self, value: ast.expr) -> str:
        """The method, or the dotted name of the function, by which an awaited call closes."""
        found = self.closes(value)
        if found is None:
            return ""
        if found[0] in ("close", "drain"):
            return found[0]
        assert isinstance(value, ast.Await)
        assert isinstance(value.value, ast.Call)
        return self.origin(value.value.func)

    def lease(self, value: ast.expr) -> Lease | None:
        """The declared context manager that an expression calls."""
        if not isinstance(value, ast.Call):
            return None
        found = lease(self._helpers, self.origin(value.func), value)
        return found if found and (found.bucket is None or _is_pure(found.bucket)) else None

    def leased_with(self, call: ast.Call) -> Given | None:
        """The arguments of a declared opener; None where the call does not show them."""
        helper = opener(self._helpers, self.origin(call.func))
        return given_to(helper, call) if helper else None


def _is_pure(value: ast.expr) -> bool:
    return all(
        isinstance(node, _PURE)
        for node in ast.walk(value)
        if not isinstance(node, ast.expr_context)
    )


def _is_defined_again(function: Function, scope: Scope) -> bool:
    """Whether the name of a function may stand for something else in its scope."""
    holder, name = scope.parent, function.name
    assert holder is not None
    if name in holder.imports or any(
        child is not scope and getattr(child.node, "name", "") == name for child in holder.children
    ):
        return True
    for binding in holder.bindings:
        for target in getattr(binding, "targets", [getattr(binding, "target", None)]):
            if any(getattr(part, "id", "") == name for part in ast.walk(target or ast.Pass())):
                return True
    return False


def _listed(name: str, names: tuple[str, ...]) -> bool:
    return bool(name) and (name in names or name.rpartition(".")[2] in names)


def _returns(function: ast.AST) -> list[ast.Return]:
    return [node for node in own_nodes(function) if isinstance(node, ast.Return)]


def _always_leaves(body: list[ast.stmt]) -> bool:
    """Whether the end of a block is never reached."""
    blocks = [body]
    while blocks:
        match blocks.pop()[-1]:
            case ast.Return() | ast.Raise():
                continue
            case ast.If(body=first, orelse=second) if second:
                blocks += [first, second]
            case ast.Try(finalbody=final) if final and _always_leaves(final):
                continue
            case ast.Try(body=inner, handlers=handlers, orelse=orelse):
                blocks += [orelse or inner, *(handler.body for handler in handlers)]
            case ast.While(test=ast.Constant(value=True), body=inner) if not _breaks(inner):
                continue
            case _:
                return False
    return True


def _breaks(body: list[ast.stmt]) -> bool:
    return any(isinstance(node, ast.Break) for part in body for node in ast.walk(part))
