"""Properties of the repository as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

UNIT = Path(__file__).parent
PACKAGES = ("flake8_naq", "naq", "recorder", "tests")


def test_unit_tests_start_no_server() -> None:
    starting = {
        str(module.relative_to(UNIT))
        for module in UNIT.rglob("*.py")
        if module != Path(__file__) and "nats_server" in module.read_text(encoding="utf-8")
    }
    assert not starting, "these belong to tests/integration"


def circles(imports: Mapping[str, Set[str]]) -> Iterator[str]:
    """The first import circle, if any: each module imports the next."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        yield " imports ".join(reversed(error.args[1]))


def test_a_circle_is_found() -> None:
    imports = {"a": {"b"}, "b": {"c"}, "c": {"b"}}
    assert list(circles(imports)) in (["b imports c imports b"], ["c imports b imports c"])


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_run_one_way(package: str) -> None:
    """An import for the type checker alone counts as one."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    modules = {name for name in graph.modules if name.partition(".")[0] == package}
    imports = {name: graph.find_modules_directly_imported_by(name) for name in modules}
    assert list(circles(imports)) == []
