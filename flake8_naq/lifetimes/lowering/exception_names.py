"""The exceptions that a handler catches, by name."""

from __future__ import annotations

import ast

EVERYTHING = frozenset({"BaseException"})
ERRORS = frozenset({"Exception"})
CANCELLATION = frozenset({"CancelledError"})
NOT_ERRORS = frozenset({"CancelledError", "KeyboardInterrupt", "SystemExit", "GeneratorExit"})


def expected_to_fail(node: ast.Try | ast.TryStar) -> ast.stmt | None:
    """The statement of a `try` after which a test fails: it is meant to raise."""
    if not node.handlers:
        return None
    if node.orelse:
        return node.body[-1] if _fails(node.orelse[-1]) else None
    return node.body[-2] if len(node.body) > 1 and _fails(node.body[-1]) else None


def _fails(statement: ast.stmt) -> bool:
    """Whether a statement makes a test fail: ``pytest.fail()``, ``self.fail()``, ``assert False``."""
    match statement:
        case ast.Expr(
            value=ast.Call(func=ast.Attribute(value=ast.Name(id="self" | "pytest"), attr="fail"))
        ):
            return True
        case ast.Assert(test=ast.Constant(value=False)):
            return True
        case ast.Raise(exc=ast.expr() as raised):
            return "AssertionError" in exception_names(raised)
    return False


def exception_names(node: ast.expr) -> frozenset[str]:
    """The last names of the classes in an `except` clause, a `raise` or an argument list."""
    if isinstance(node, ast.Call):
        node = node.func
    if isinstance(node, (ast.Tuple, ast.List)):
        return frozenset().union(*(exception_names(element) for element in node.elts))
    if isinstance(node, ast.Attribute):
        return frozenset({node.attr})
    return frozenset({node.id if isinstance(node, ast.Name) else "?"})
