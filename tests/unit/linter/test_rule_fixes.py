"""The fixed form of each rule's example is the output of `naq-migrate fix`."""

from __future__ import annotations

import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from flake8_naq.rules import Example, all_rules

NAQ_MIGRATE = Path(sysconfig.get_path("scripts")) / "naq-migrate"


def examples(*kinds: str) -> Iterator[tuple[str, Example]]:
    for rule in all_rules():
        for kind in kinds:
            for number, example in enumerate(getattr(rule, kind)):
                yield f"{rule.number}_{kind}_{number}", example


def fix_all(folder: Path, *options: str) -> dict[str, str]:
    """Every example after one run over all of them."""
    files = {}
    for name, example in examples("bad", "good", "misses"):
        files[name] = folder / name / "example.py"
        files[name].parent.mkdir()
        files[name].write_text(example.code, encoding="utf-8")
    command = [str(NAQ_MIGRATE), "fix", *options, str(folder)]
    subprocess.run(command, check=True, capture_output=True, timeout=100)
    return {name: file.read_text(encoding="utf-8") for name, file in files.items()}


@pytest.fixture(scope="module")
def safe(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return fix_all(tmp_path_factory.mktemp("safe"))


@pytest.fixture(scope="module")
def unsafe(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return fix_all(tmp_path_factory.mktemp("unsafe"), "--unsafe-fixes")


def cases(*kinds: str) -> list[object]:
    return [pytest.param(name, example, id=name) for name, example in examples(*kinds)]


@pytest.mark.parametrize(("name", "example"), cases("bad"))
def test_a_bad_example_is_fixed_or_left_alone(name: str, example: Example) -> None:
    assert (example.fixed is None) is example.left_alone, (
        f"{name}: a bad example has either `fixed` or `left_alone=True`"
    )


@pytest.mark.parametrize(("name", "example"), cases("bad", "misses"))
def test_the_fix_shown_is_the_one_made(
    name: str, example: Example, safe: dict[str, str], unsafe: dict[str, str]
) -> None:
    if example.fixed is None:
        assert unsafe[name] == example.code
    elif example.unsafe:
        assert (safe[name], unsafe[name]) == (example.code, example.fixed)
    else:
        assert safe[name] == example.fixed


@pytest.mark.parametrize(("name", "example"), cases("good"))
def test_a_good_example_is_left_alone(name: str, example: Example, unsafe: dict[str, str]) -> None:
    assert not example.left_alone
    assert unsafe[name] == example.code
