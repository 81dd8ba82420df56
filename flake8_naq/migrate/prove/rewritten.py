"""Reads one function out of the text of a rewritten module."""

from __future__ import annotations

import ast
import io
from collections.abc import Sequence

from flake8_naq.migrate.prove import Function, Verdict, prove_function
from flake8_naq.names import Names


def prove_text(before: Function, lines: Sequence[str], text: str) -> Verdict:
    """Prove an edit that lies within one function.

    Args:
        before: The function before the edit.
        lines: The lines of the module before.
        text: The text of the module after.

    Raises:
        SyntaxError: The function after the edit is not Python.
    """
    node = before.scope.node
    assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    assert node.end_lineno is not None
    first = min([node.lineno, *(item.lineno for item in node.decorator_list)])
    # With an empty newline, lines end where Python ends them, and keep their endings.
    new = io.StringIO(text, newline="").readlines()
    function = "".join(new[first - 1 : node.end_lineno + len(new) - len(lines)])
    wrapped = function[:1].isspace()
    tree = ast.parse(f"if 1:\n{function}" if wrapped else function)
    ast.increment_lineno(tree, first - 1 - wrapped)
    return prove_function(before, _beside(before, tree))


def _beside(before: Function, tree: ast.Module) -> Function:
    """A function that was parsed alone, put where the one before stands."""
    known = before.names
    names = Names(tree, known.elsewhere)
    scope = names.module.children[0]
    scope.parent = before.scope.parent
    names.adopt(known)
    return Function(names, scope, before.settings, before.helpers)
