"""The docs page of the axioms matches the code, and the proof accepts its pairs."""

import re
from pathlib import Path

import pytest

from flake8_naq.migrate.prove.axioms import AXIOMS, Axiom
from tests.unit.migrate.test_proof import verdict

PAGE = Path(__file__).parents[3] / "docs" / "guide" / "axioms.md"
_CODE = re.compile(r'``` \{\.python \.shown title="(Before|After)"\}\n(.*?)```', re.DOTALL)


def section(axiom: Axiom) -> str:
    """The part of the page about one axiom."""
    return (
        PAGE.read_text()
        .split(f"### {axiom.name}\n")[1]
        .partition("\n## ")[0]
        .partition("\n### ")[0]
    )


def pair(axiom: Axiom) -> tuple[str, str]:
    """The function before and after."""
    found = dict(_CODE.findall(section(axiom)))
    return found["Before"], found["After"]


def test_each_axiom_has_its_section_in_the_order_of_the_code() -> None:
    assert re.findall(r"^### (.*)$", PAGE.read_text(), re.MULTILINE) == [a.name for a in AXIOMS]


@pytest.mark.parametrize("axiom", AXIOMS, ids=lambda axiom: axiom.name)
def test_its_text_is_that_of_the_code(axiom: Axiom) -> None:
    text = " ".join(section(axiom).split())
    assert axiom.statement in text
    assert axiom.reason in text


@pytest.mark.parametrize("axiom", AXIOMS, ids=lambda axiom: axiom.name)
def test_its_pair_is_proven_by_it(axiom: Axiom) -> None:
    found = verdict(*pair(axiom))
    assert found.difference is None
    assert axiom in found.axioms
