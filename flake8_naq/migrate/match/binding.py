"""Binds the arguments of a call by a helper's signature, and refuses what does not fit."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from flake8_naq.message import RefusedError
from flake8_naq.migrate.match.declared_helpers import DeclaredHelper


def bind(helper: DeclaredHelper, call: ast.Call) -> Mapping[str, ast.expr]:
    """The arguments of a call by parameter; defaults are filled in, but for ``...``.

    Raises:
        RefusedError: The call does not fit the signature.
    """
    if any(isinstance(argument, ast.Starred) for argument in call.args):
        raise RefusedError("the connecting call does not list its arguments one by one")
    unknown = [
        f"`{word.arg}`" if word.arg else "`**`"
        for word in call.keywords
        if word.arg not in helper.signature.parameters
    ]
    if unknown:
        raise RefusedError(
            f"the rule `{helper.rule}` has no parameter for the connecting call's "
            + ", ".join(unknown)
        )
    words = {str(word.arg): word.value for word in call.keywords}
    try:
        bound = helper.signature.bind(*call.args, **words)
    except TypeError as error:
        raise RefusedError(
            f"the connecting call does not fit the rule `{helper.rule}`: {error}"
        ) from None
    bound.apply_defaults()
    return {name: value for name, value in bound.arguments.items() if value is not ...}
