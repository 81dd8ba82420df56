"""The place of a statement in its block, and the names that a function mentions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from flake8_naq.names import Scope

_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


@dataclass(frozen=True, slots=True)
class StatementPlace:
    """The place of a statement.

    Attributes:
        block: The statements of its block.
        index: Its index there.
        owner: The node that holds the block.
        field: The owner's field that is the block.
    """

    block: list[ast.stmt]
    index: int
    owner: ast.AST
    field: str


class StatementPlaces:
    """The places of all statements below a node."""

    def __init__(self, root: ast.AST) -> None:
        self._places: dict[ast.AST, StatementPlace] = {}
        stack: list[ast.AST] = [root]
        while stack:
            node = stack.pop()
            for field in _BLOCKS:
                block = getattr(node, field, None)
                if not isinstance(block, list):
                    continue
                for index, child in enumerate(block):
                    self._places[child] = StatementPlace(block, index, node, field)
                stack.extend(block)

    def place(self, statement: ast.AST) -> StatementPlace:
        """The place of a statement, an except clause or a match case."""
        return self._places[statement]

    def ancestors(self, statement: ast.AST) -> Iterator[tuple[ast.AST, str]]:
        """The compound statements around a statement, inmost first, with the field it is in."""
        place = self._places.get(statement)
        while place is not None:
            yield place.owner, place.field
            place = self._places.get(place.owner)


@dataclass(frozen=True, slots=True)
class Mention:
    """One place where a function names a variable.

    Attributes:
        node: The name.
        captured: Whether an inner function, lambda or class does so.
    """

    node: ast.Name
    captured: bool

    @property
    def line(self) -> int:
        """The line it stands on."""
        return self.node.lineno


def mentions(scope: Scope) -> dict[str, list[Mention]]:
    """Every mention of a variable in a function and those inside it: by name, in source order."""
    found: dict[str, list[Mention]] = {}
    stack: list[tuple[ast.AST, bool]] = [
        (child, False) for child in ast.iter_child_nodes(scope.node)
    ]
    while stack:
        node, inner = stack.pop()
        if isinstance(node, ast.Name):
            found.setdefault(node.id, []).append(Mention(node, inner))
            continue
        deeper = inner or isinstance(
            node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
        )
        stack.extend((child, deeper) for child in ast.iter_child_nodes(node))
    for named in found.values():
        named.sort(key=lambda mention: (mention.node.lineno, mention.node.col_offset))
    return found


def parents(root: ast.AST) -> dict[ast.AST, ast.AST]:
    """Every node's parent below a node."""
    found: dict[ast.AST, ast.AST] = {}
    stack = [root]
    while stack:
        node = stack.pop()
        for field in node._fields:
            value = getattr(node, field, None)
            for child in value if isinstance(value, list) else (value,):
                if isinstance(child, ast.AST):
                    found[child] = node
                    stack.append(child)
    return found


def constants(tree: ast.AST) -> Iterator[str]:
    """The constants below a node, by type and value."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            yield f"{type(node.value).__name__} {node.value!r}"


def last_line(node: ast.AST) -> int:
    """The last line of a node."""
    return int(getattr(node, "end_lineno", 0) or 0)


def bound_value(statement: ast.AST) -> ast.expr | None:
    """The value that a statement binds to one name, None for any other statement."""
    match statement:
        case ast.Assign(targets=[ast.Name()], value=value):
            return value
        case ast.AnnAssign(target=ast.Name(), value=value):
            return value
    return None


def bound_name(statement: ast.AST) -> str:
    """The name that such a statement binds."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
    raise TypeError(statement)


def within(statement: ast.stmt) -> set[ast.AST]:
    """A statement and the nodes below it."""
    return set(ast.walk(statement))


def all_arguments(arguments: ast.arguments) -> Iterator[ast.arg]:
    """Every parameter of a function."""
    yield from (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    yield from filter(None, (arguments.vararg, arguments.kwarg))


def is_none(value: ast.expr | None) -> bool:
    """Whether an expression is the constant None."""
    return isinstance(value, ast.Constant) and value.value is None
