"""The page of the plan's checklists names tests and modules that exist."""

from __future__ import annotations

import re

import pytest

from recorder.phases import PHASES, ROOT

NAMED = re.findall(
    r"`(?:pytest )?(tests/integration/[\w/]+\.py|tests/unit/test_config\.py|src/naq/[\w/]+\.py)(?:::(\w+))?",
    (PHASES / "checklists.md").read_text(encoding="utf-8"),
)


@pytest.mark.parametrize(("path", "test"), sorted(set(NAMED)))
def test_what_the_page_names_is_there(path: str, test: str) -> None:
    source = (ROOT / path).read_text(encoding="utf-8")
    assert not test or f"def {test}(" in source
