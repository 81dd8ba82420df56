"""The names of import statements, and their order."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from typing import TypeAlias

ImportStatement: TypeAlias = ast.ImportFrom | ast.Import

_CONSTANT = re.compile(r"[A-Z0-9_]+\Z")


def import_statements(tree: ast.Module) -> Iterable[tuple[ImportStatement, list[ast.stmt]]]:
    """Every import statement of a module, with the block that it stands in."""
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                yield from (
                    (c, block) for c in block if isinstance(c, (ast.ImportFrom, ast.Import))
                )
                stack.extend(block)


def module_of(statement: ast.ImportFrom) -> str:
    """The module that a statement imports from, with leading dots when relative."""
    return "." * statement.level + (statement.module or "")


def local_names_of(statement: ImportStatement) -> set[str]:
    """The names that a statement binds."""
    return {local_name(alias, statement) for alias in statement.names}


def local_name(alias: ast.alias, statement: ImportStatement) -> str:
    """The name that one part of a statement binds."""
    if alias.asname:
        return alias.asname
    return alias.name if isinstance(statement, ast.ImportFrom) else alias.name.partition(".")[0]


def flake_name(alias: ast.alias, statement: ImportStatement) -> str:
    """The name that pyflakes gives an import."""
    if isinstance(statement, ast.Import):
        return alias.name if not alias.asname else f"{alias.name} as {alias.asname}"
    module = module_of(statement)
    full = f"{module}{alias.name}" if module.endswith(".") else f"{module}.{alias.name}"
    return full if not alias.asname or alias.asname == alias.name else f"{full} as {alias.asname}"


def import_key(name: str) -> tuple[int, str]:
    """The order of names as ruff has it (isort's ``order-by-type``): constants, classes, the rest."""
    plain = name.partition(" as ")[0]
    kind = 0 if _CONSTANT.match(plain) and len(plain) > 1 else 1 if plain[:1].isupper() else 2
    return kind, plain


def insert_sorted(names: list[str], gain: str) -> None:
    """Put a name where a sorted list has it; a list that is not sorted gets it at its end."""
    if names == sorted(names, key=import_key):
        names.append(gain)
        names.sort(key=import_key)
    elif gain not in names:
        names.append(gain)
