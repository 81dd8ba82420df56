"""Only ``naq.connection.nats_py`` uses nats-py's private names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import nats
import pytest

import naq

SOURCE = Path(naq.__file__).parent
ROOM = SOURCE / "connection" / "nats_py"


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def defined(tree: ast.AST) -> Iterator[str]:
    """Yield the private names that the classes of a module define or assign."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for part in ast.walk(node):
                if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield part.name
                elif isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store):
                    yield part.attr
                elif isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
                    yield part.target.id


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


OWN = {
    name
    for path in SOURCE.rglob("*.py")
    if ROOM not in path.parents
    for name in defined(tree_of(path))
}
THEIRS = {
    name
    for path in Path(nats.__file__).parent.rglob("*.py")
    for name in defined(tree_of(path))
    if is_private(name)
}


def private_names_used(tree: ast.AST) -> list[str]:
    used = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in THEIRS and node.attr not in OWN:
            used.append(f"line {node.lineno}: {node.attr}")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("nats"):
            used += [f"line {node.lineno}: {a.name}" for a in node.names if is_private(a.name)]
    return used


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(SOURCE.rglob("*.py")) if ROOM not in path.parents],
    ids=lambda path: path.relative_to(SOURCE).as_posix(),
)
def test_a_module_outside_of_the_room_uses_no_private_name(path: Path) -> None:
    assert private_names_used(tree_of(path)) == []


@pytest.mark.parametrize(
    "code", ["client._server_info", "js._api_request(b'')", "from nats.js.kv import _is_key_valid"]
)
def test_a_private_name_would_be_found(code: str) -> None:
    assert private_names_used(ast.parse(code))


def test_the_room_imports_nothing_else_of_naq() -> None:
    """So the room can be read, and changed for another nats-py, by itself."""
    for path in ROOM.glob("*.py"):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("naq"):
                assert (node.module or "").startswith("naq.connection.nats_py"), path


def test_the_oldest_nats_py_that_is_tested_is_the_oldest_that_naq_takes() -> None:
    root = Path(__file__).parents[2]
    taken = re.search(r"nats-py>=([\d.]+),<", (root / "src/pyproject.toml").read_text("utf-8"))
    tested = re.search(r"nats-py\[nkeys\]==([\d.]+)", (root / "tox.ini").read_text("utf-8"))
    assert taken
    assert tested
    assert f"{taken[1]}.0" == tested[1]
