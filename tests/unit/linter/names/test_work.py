"""How many files the linter reads and parses: each at most once, import circles included."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

from flake8_naq.lifetimes.analysis import workspace_of
from flake8_naq.linter import concerns_nats, lint
from flake8_naq.names import source
from flake8_naq.names.files import Disk
from flake8_naq.names.project import project_of
from flake8_naq.settings import Settings


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    done: Counter[str] = Counter()
    read, imports_of = Disk.read, source.imports_of

    def counted_read(disk: Disk, path: str) -> str:
        done[f"read {Path(path).name}"] += 1
        done["reads"] += 1
        return read(disk, path)

    def counted_imports(text: str) -> tuple[dict[str, str], list[str]]:
        done["looks for imports"] += 1
        return imports_of(text)

    def counted_tree(file: source.SourceFile) -> ast.Module:
        done["parses"] += 1
        return ast.parse(file.text)

    monkeypatch.setattr(Disk, "read", counted_read)
    monkeypatch.setattr(source, "imports_of", counted_imports)
    monkeypatch.setattr("flake8_naq.names.project.imports_of", counted_imports)
    # `cached_property` would keep the tree; `Project.names` is what has to ask once.
    monkeypatch.setattr(source.SourceFile, "tree", property(counted_tree))
    return done


def lint_circle(root: Path, size: int) -> None:
    """Lint every module of a circle; each of them imports the next one and a helper."""
    (root / "setup.cfg").touch()
    (root / "bus.py").write_text(
        "import nats\n\nasync def open_bus(url):\n    return await nats.connect(url)\n"
    )
    for number in range(size):
        (root / f"m{number}.py").write_text(
            f"from bus import open_bus\nfrom m{(number + 1) % size} import Next as Following\n\n"
            "class Next:\n    def follow(self):\n        return Following()\n\n"
            "async def work(url):\n    bus = await open_bus(url)\n    await bus.close()\n"
        )
    workspace_of.cache_clear()
    project_of.cache_clear()
    for number in range(size):
        path = root / f"m{number}.py"
        text = path.read_text()
        assert concerns_nats(text, str(path), Settings())
        assert lint(ast.parse(text), str(path), Settings(), text)


@pytest.mark.parametrize("size", [5, 40])
def test_the_work_grows_with_the_number_of_files_of_a_circle(
    tmp_path: Path, work: Counter[str], size: int
) -> None:
    lint_circle(tmp_path, size)
    assert work["reads"] == size + 1
    assert work["looks for imports"] <= size + 1
    assert work["parses"] == 1
