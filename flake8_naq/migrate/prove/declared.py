"""The rules' declarations of openers and context managers, read independently of the planner."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from flake8_naq.migrate.match.declared_helpers import BUCKET, DeclaredHelper, DeclaredHelpers, Gives

# Arguments by the place of their parameter in the opener's signature.
Given: TypeAlias = list[tuple[int, ast.expr]]


@dataclass(frozen=True, slots=True)
class Lease:
    """A call of a declared context manager.

    Attributes:
        helper: The opener that it replaces.
        gives: The kind that it yields.
        given: The arguments that the opener would get.
        bucket: The bucket's name, for a manager that yields a bucket.
        exclusive: Whether it opens a connection of its own.
    """

    helper: DeclaredHelper
    gives: Gives
    given: Given
    bucket: ast.expr | None
    exclusive: bool


def opener(helpers: DeclaredHelpers, name: str) -> DeclaredHelper | None:
    """The declared opener of a name, with context managers of its own."""
    helper = helpers.find(name)
    if helper is None or helper.role != "opens" or helper.gives_client:
        return None
    return helper if helper.becomes else None


def given_to(helper: DeclaredHelper, call: ast.Call) -> Given | None:
    """The arguments of an opener, None where the call does not show them."""
    if any(isinstance(argument, ast.Starred) for argument in call.args):
        return None
    words = {word.arg: word.value for word in call.keywords}
    if None in words:
        return None
    try:
        bound = helper.signature.bind(*call.args, **{str(k): v for k, v in words.items()})
    except TypeError:
        return None
    given = dict(bound.arguments)
    bound.apply_defaults()
    # A default counts where the manager's call has it; `...` is the manager's own default.
    template = helper.becomes["connection"]
    named = {node.id for node in ast.walk(template) if isinstance(node, ast.Name)}
    return [
        (index, bound.arguments[name])
        for index, name in enumerate(helper.signature.parameters)
        if isinstance(bound.arguments[name], ast.expr) and (name in given or name in named)
    ]


def lease(helpers: DeclaredHelpers, name: str, call: ast.Call) -> Lease | None:
    """The declared context manager that a call of this name enters."""
    for helper in helpers:
        for gives, template in helper.becomes.items():
            if helper.manager(gives) == name.rpartition(".")[2]:
                found = _read(helper, gives, template, call)
                if found is not None:
                    return found
    return None


def _read(helper: DeclaredHelper, gives: Gives, template: ast.Call, call: ast.Call) -> Lease | None:
    """Match a call against the manager's template; None where it does not fit."""
    pairs = list(_pairs(template, call))
    if not all(_fits(helper, wanted, value) for wanted, value in pairs):
        return None
    named = {wanted.id: _value(v) for wanted, v in pairs if isinstance(wanted, ast.Name)}
    bucket = named.pop(BUCKET, None) if gives == BUCKET else None
    parameters = helper.signature.parameters
    needed = {name for name, p in parameters.items() if p.default is inspect.Parameter.empty}
    if not needed <= named.keys() or (gives == BUCKET and bucket is None):
        return None
    given = [(index, named[name]) for index, name in enumerate(parameters) if name in named]
    own = any(wanted is None for wanted, _ in pairs)
    return Lease(helper, gives, given, bucket, own or not helper.own_connection)


def _fits(helper: DeclaredHelper, wanted: ast.expr | None, value: ast.expr | ast.keyword) -> bool:
    """Whether an argument matches the template, or requests an exclusive connection."""
    if wanted is None:
        return ast.unparse(value) == helper.own_connection
    return not isinstance(wanted, ast.Constant) or ast.dump(wanted) == ast.dump(_value(value))


def _value(argument: ast.expr | ast.keyword) -> ast.expr:
    return argument.value if isinstance(argument, ast.keyword) else argument


def _pairs(
    template: ast.Call, call: ast.Call
) -> Iterator[tuple[ast.expr | None, ast.expr | ast.keyword]]:
    """Each argument of a call with its counterpart in the template, None where it has none."""
    words = {word.arg: word.value for word in template.keywords}
    for index, argument in enumerate(call.args):
        fits = index < len(template.args) and not isinstance(argument, ast.Starred)
        yield (template.args[index] if fits else None), argument
    for word in call.keywords:
        yield words.get(word.arg), word
