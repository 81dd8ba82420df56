"""Guards: code that handles a name missing from some versions of a library."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from flake8_naq.names import Names, Scope, dotted


class Guards:
    """The guards of one module."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._asked: dict[Scope, set[str]] = {}

    def stands_in_try(self, node: ast.AST, *errors: str) -> bool:
        """Whether a node stands in the body of a `try` that catches one of these (or anything)."""
        line = getattr(node, "lineno", 0)
        return any(
            block.body[0].lineno <= line <= (block.body[-1].end_lineno or 0)
            and (not errors or _catches(block, errors))
            for block in self._names.tries
        )

    def asked_for(self, name: str, scope: Scope) -> bool:
        """Whether a function (or one around it) asks ``hasattr(nc, "name")``."""
        current: Scope | None = scope
        while current is not None:
            if current not in self._asked:
                self._asked[current] = set(_asked_names(current))
            if name in self._asked[current]:
                return True
            current = current.parent
        return False


def _asked_names(scope: Scope) -> Iterator[str]:
    for call in scope.calls:
        match call:
            case ast.Call(
                func=ast.Name(id="hasattr" | "getattr"), args=[_, ast.Constant(value=str(name)), *_]
            ):
                yield name


def _catches(block: ast.Try | ast.TryStar, errors: tuple[str, ...]) -> bool:
    return any(
        isinstance(node, (ast.Name, ast.Attribute)) and (dotted(node) or "") in errors
        for handler in block.handlers
        if handler.type is not None
        for node in ast.walk(handler.type)
    )
