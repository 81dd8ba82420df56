"""axe-core finds nothing serious on any kind of page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

KINDS = {
    "start": "/",
    "guide": "/guide/",
    "rules": "/rules/",
    "rule": "/rules/NAQ03/",
    "phases": "/phases/",
    "phase": "/phases/scheduler/",
    "naq": "/naq/connections/",
    "configuration": "/naq/configuration/",
    "api": "/naq/api/connection/",
    "commands": "/reference/naq-migrate/",
    "naq-commands": "/naq/commands/",
    "benchmarks": "/benchmarks/",
}


@pytest.mark.parametrize(
    ("width", "scheme"), [(1280, "dark"), (390, "light")], ids=["desktop-dark", "phone-light"]
)
@pytest.mark.parametrize("kind", KINDS)
def test_axe_finds_no_serious_fault(
    open_page: Callable[..., Page], kind: str, width: int, scheme: str
) -> None:
    page = open_page(KINDS[kind], width=width, scheme=scheme)
    violations = Axe().run(page).response["violations"]
    serious = [
        f"{violation['id']}: {node['html']}: {node['failureSummary']}"
        for violation in violations
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]
    assert serious == []
