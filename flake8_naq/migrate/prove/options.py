"""The options of a connect: whether they hold a callback that runs when the connection closes."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

# Callbacks that run when a connection closes.
_AT_CLOSE = frozenset({"closed_cb", "disconnected_cb"})
_INNER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_DEEPEST = 4


@dataclass(frozen=True, slots=True)
class Options:
    """Reads the options that one function passes to a connect.

    Attributes:
        nodes: The nodes of the function, those of functions inside it left out.
        own: Names that only the function itself binds.
        called: The options of the function of the project that a call names, and its ``return``
            statements; None for any other function.
    """

    nodes: Sequence[ast.AST]
    own: Callable[[str], bool]
    called: Callable[[ast.expr], Called | None]

    def are_quiet(self, call: ast.Call) -> bool:
        """Whether no callback of the program runs when the connection of a call closes."""
        starred = any(isinstance(argument, ast.Starred) for argument in call.args)
        # The second argument by position is a callback.
        return not starred and len(call.args) < 2 and self._are_harmless(call.keywords, 0)

    def _are_harmless(self, words: list[ast.keyword], depth: int) -> bool:
        return all(
            word.arg not in _AT_CLOSE if word.arg else self._is_harmless(word.value, depth)
            for word in words
        )

    def _is_harmless(self, value: ast.expr | None, depth: int) -> bool:
        """Whether a dictionary has no callback; unknown keys may be one."""
        if depth > _DEEPEST:
            return False
        match value:
            case ast.Dict(keys=keys, values=values):
                return all(
                    _is_other_key(key) if key else self._is_harmless(item, depth + 1)
                    for key, item in zip(keys, values, strict=True)
                )
            case ast.Call(func=ast.Name(id="dict"), args=[], keywords=words):
                return self._are_harmless(words, depth + 1)
            case ast.Call(func=function):
                found = self.called(function)
                return found is not None and all(
                    found[0]._is_harmless(node.value, depth + 1) for node in found[1]
                )
            case ast.Name(id=name):
                return self.own(name) and self._stays_harmless(name, depth + 1)
        return False

    def _stays_harmless(self, name: str, depth: int) -> bool:
        """Whether each use of a variable shows that no callback gets into its dictionary."""
        if any(_mentions(node, name) for node in self.nodes if isinstance(node, _INNER)):
            return False
        if not any(_binds(node, name) for node in self.nodes):
            return False
        shown = sum(self._shown(node, name, depth) for node in self.nodes)
        return shown == sum(_is_name(node, name) for node in self.nodes)

    def _shown(self, node: ast.AST, name: str, depth: int) -> int:
        """How many harmless mentions of a variable a node has."""
        match node:
            case ast.Assign(value=value) | ast.AnnAssign(value=value) if _binds(node, name):
                return self._is_harmless(value, depth)
            case ast.keyword(arg=None, value=value) | ast.Return(value=ast.Name() as value):
                return _is_name(value, name)
            case ast.Subscript(value=owner, slice=key):
                return _is_name(owner, name) and _is_other_key(key)
            case ast.Call(
                func=ast.Attribute(value=owner, attr="update"), args=args, keywords=words
            ):
                harmless = all(self._is_harmless(item, depth) for item in args)
                return _is_name(owner, name) and harmless and self._are_harmless(words, depth)
        return False


# The options of a function of the project, and its `return` statements.
Called: TypeAlias = tuple[Options, Sequence[ast.Return]]


def _binds(node: ast.AST, name: str) -> bool:
    match node:
        case ast.Assign(targets=[target]) | ast.AnnAssign(target=target):
            return _is_name(target, name)
    return False


def _is_other_key(key: ast.expr) -> bool:
    return isinstance(key, ast.Constant) and key.value not in _AT_CLOSE


def _is_name(node: ast.AST | None, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _mentions(node: ast.AST, name: str) -> bool:
    return any(_is_name(part, name) for part in ast.walk(node))
