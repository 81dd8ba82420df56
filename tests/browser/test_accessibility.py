"""axe-core finds nothing serious on any kind of page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

KINDS = {
    "start": "/",
    "guide": "/guide/",
    "guide-tabs": "/guide/by-hand/",
    "pairs": "/guide/pairs/",
    "rules": "/rules/",
    "rule": "/rules/NAQ03/",
    "rule-without-fix": "/rules/NAQ13/",
    "phases": "/phases/",
    "phase": "/phases/scheduler/",
    "naq": "/naq/",
    "how-to": "/naq/how-to/retries/",
    "configuration": "/naq/configuration/",
    "api": "/naq/api/connection/",
    "commands": "/reference/naq-migrate/",
    "naq-commands": "/naq/commands/",
    "benchmarks": "/benchmarks/",
    "changelog": "/changelog/",
    "playground": "/playground/",
    "field": "/field/",
    "missing": "/404.html",
}
SCHEMES = ("light", "dark")


def serious(page: Page) -> list[str]:
    """What axe-core finds on a page as it is now."""
    return [
        f"{violation['id']}: {node['html']}: {node['failureSummary']}"
        for violation in Axe().run(page).response["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", [1280, 390], ids=["desktop", "phone"])
@pytest.mark.parametrize("kind", KINDS)
def test_axe_finds_no_serious_fault(
    open_page: Callable[..., Page], kind: str, width: int, scheme: str
) -> None:
    assert serious(open_page(KINDS[kind], width=width, scheme=scheme)) == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_no_serious_fault_in_what_opens_at_a_click(
    open_page: Callable[..., Page], scheme: str
) -> None:
    page = open_page("/phases/queue/", scheme=scheme)
    page.get_by_label("Show changes of whitespace").first.check()
    page.locator("details", has_text="changed by hand").first.locator("summary").click()
    assert serious(page) == []
    page = open_page("/rules/NAQ03/", scheme=scheme)
    page.locator("label", has_text="Diff").first.click()
    assert serious(page) == []
    page = open_page("/guide/", scheme=scheme)
    page.locator("summary").first.click()
    assert serious(page) == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_no_serious_fault_in_the_results_of_a_search(
    open_page: Callable[..., Page], scheme: str
) -> None:
    page = open_page("/", scheme=scheme)
    page.get_by_placeholder("Search").fill("lease")
    page.locator(".md-search-result__item").first.wait_for()
    assert serious(page) == []
