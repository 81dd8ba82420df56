"""Which exceptions a handler catches, by name."""

from __future__ import annotations

import ast

EVERYTHING = frozenset({"BaseException"})
ERRORS = frozenset({"Exception"})
CANCELLATION = frozenset({"CancelledError"})
NOT_ERRORS = frozenset({"CancelledError", "KeyboardInterrupt", "SystemExit", "GeneratorExit"})


def exception_names(node: ast.expr) -> frozenset[str]:
    """The last names of the classes in an `except` clause, a `raise` or an argument list."""
    if isinstance(node, ast.Call):
        node = node.func
    if isinstance(node, (ast.Tuple, ast.List)):
        return frozenset().union(*(exception_names(element) for element in node.elts))
    if isinstance(node, ast.Attribute):
        return frozenset({node.attr})
    return frozenset({node.id if isinstance(node, ast.Name) else "?"})
