"""Two distributions that never import each other: each installs without the other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def imported(folder: Path) -> Iterator[tuple[str, str]]:
    for file in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            else:
                continue
            for name in names:
                yield name.partition(".")[0], f"{file.relative_to(ROOT)}:{node.lineno}"


@pytest.mark.parametrize(
    ("folder", "foreign"),
    [
        ("flake8_naq", {"naq", "nats", "recorder"}),
        ("src/naq", {"flake8_naq", "flake8", "recorder"}),
    ],
)
def test_a_distribution_imports_nothing_of_the_other(folder: str, foreign: set[str]) -> None:
    assert [place for name, place in imported(ROOT / folder) if name in foreign] == []
