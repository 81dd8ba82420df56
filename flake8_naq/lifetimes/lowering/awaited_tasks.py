"""The tasks that a scope awaits; the others go on when it is done."""

from __future__ import annotations

import ast

from flake8_naq.names import Scope, own_nodes


class AwaitedTasks:
    """The names of the tasks that a scope awaits, computed on the first question."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._names: set[str] | None = None
        self._groups: set[str] = set()

    def include(self, start: ast.Call, statement: ast.stmt) -> bool:
        """Whether the scope waits for the task that a call in a statement starts.

        It does when the call is a task group's, or when what the task is put into is awaited.
        """
        if self._names is None:
            self._names = self._look()
        receiver = start.func.value if isinstance(start.func, ast.Attribute) else None
        if isinstance(receiver, ast.Name) and receiver.id in self._groups:
            return True
        return _kept_in(start, statement) in self._names

    def _look(self) -> set[str]:
        awaited: set[str] = set()
        for node in own_nodes(self._scope.node):
            if isinstance(node, ast.Await) or _is_as_completed(node):
                awaited.update(child.id for child in ast.walk(node) if isinstance(child, ast.Name))
            elif isinstance(node, ast.AsyncWith):
                self._groups.update(
                    item.optional_vars.id
                    for item in node.items
                    if isinstance(item.optional_vars, ast.Name)
                )
        return awaited


def _is_as_completed(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "as_completed"
    )


def _kept_in(start: ast.Call, statement: ast.stmt) -> str | None:
    """The name that a started task is given, or the list that it is appended to."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
        return target.id if isinstance(target, ast.Name) else None
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        function = statement.value.func
        if statement.value is not start and isinstance(function, ast.Attribute):
            return function.value.id if isinstance(function.value, ast.Name) else None
    return None
