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


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*PACKAGES, cache_dir=None)


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_of_modules_run_one_way(package: str, graph: grimp.ImportGraph) -> None:
    """An import for the type checker alone counts as one."""
    modules = {package} | graph.find_descendants(package)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in modules}
    assert list(circles(imports)) == []


def imports_of_children(package: str, graph: grimp.ImportGraph) -> dict[str, set[str]]:
    """Which children of a package each of its children imports, at any depth."""
    children = graph.find_children(package)
    child_of = {
        module: child for child in children for module in {child} | graph.find_descendants(child)
    }
    imports: dict[str, set[str]] = {child: set() for child in children}
    for module, child in child_of.items():
        imported = graph.find_modules_directly_imported_by(module)
        imports[child] |= {child_of[name] for name in imported if name in child_of} - {child}
    return imports


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_of_packages_run_one_way(package: str, graph: grimp.ImportGraph) -> None:
    for parent in {package} | graph.find_descendants(package):
        assert list(circles(imports_of_children(parent, graph))) == []
