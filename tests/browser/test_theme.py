"""Search, dark mode and tabs, at desktop and phone widths."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


@pytest.fixture(params=[1280, 390], ids=["desktop", "phone"])
def width(request: pytest.FixtureRequest) -> int:
    return request.param


def scheme(page: Page) -> str | None:
    return page.locator("body").get_attribute("data-md-color-scheme")


def test_search_leads_to_a_rule_by_its_name(open_page: Callable[..., Page], width: int) -> None:
    page = open_page("/", width=width)
    if width < 600:
        page.locator("label.md-header__button[for=__search]").click()
    page.get_by_role("textbox", name="Search").press_sequentially("manual-kv-store")
    result = page.locator(".md-search-result__link").first
    expect(result).to_contain_text("manual-kv-store")
    result.click()
    expect(page.locator("h1")).to_contain_text("NAQx03")


def test_the_reader_s_own_preference_chooses_the_scheme(
    open_page: Callable[..., Page], width: int
) -> None:
    assert scheme(open_page("/", width=width, scheme="light")) == "default"
    assert scheme(open_page("/", width=width, scheme="dark")) == "slate"


def test_dark_mode_is_kept_on_the_next_page(open_page: Callable[..., Page], width: int) -> None:
    page = open_page("/", width=width)
    page.get_by_title("Dark mode").click()
    expect(page.locator("body")).to_have_attribute("data-md-color-scheme", "slate")
    page.goto("/rules/")
    assert scheme(page) == "slate"


def test_a_tab_shows_its_code(open_page: Callable[..., Page], width: int) -> None:
    page = open_page("/rules/NAQ03/", width=width)
    page.locator("label", has_text="Fixed").first.click()
    expect(page.get_by_text("naq-migrate fix --diff").first).not_to_be_visible()
    page.locator("label", has_text="Diff").first.click()
    expect(page.get_by_text("naq-migrate fix --diff").first).to_be_visible()


def test_code_can_be_copied(open_page: Callable[..., Page], width: int) -> None:
    page = open_page(
        "/rules/NAQ03/", width=width, permissions=["clipboard-read", "clipboard-write"]
    )
    page.get_by_title("Copy to clipboard").first.click()
    assert "get_nats_connection" in page.evaluate("navigator.clipboard.readText()")


def test_copying_a_session_copies_its_commands_alone(
    open_page: Callable[..., Page], width: int
) -> None:
    page = open_page("/guide/", width=width, permissions=["clipboard-read", "clipboard-write"])
    session = page.locator(".highlight", has_text="naq-migrate inventory shop").first
    session.get_by_title("Copy to clipboard").click()
    assert page.evaluate("navigator.clipboard.readText()").strip() == "naq-migrate inventory shop"


def test_a_rule_s_page_offers_to_edit_its_file_once_the_repository_has_an_address(
    open_page: Callable[..., Page], width: int
) -> None:
    hosted = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["tool"]["hosted"]
    page = open_page("/rules/NAQ03/", width=width)
    links = [link.get_attribute("href") for link in page.get_by_title("Edit this page").all()]
    file = "edit/main/flake8_naq/rules/naq03_manual_kv_store.py"
    assert links == ([f"{hosted['repository']}/{file}"] if hosted["repository"] else [])
