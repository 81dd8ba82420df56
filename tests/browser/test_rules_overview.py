"""The filter of the rules."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from flake8_naq.rules import all_rules


@pytest.fixture(params=[1280, 390], ids=["desktop", "phone"])
def rules(open_page: Callable[..., Page], request: pytest.FixtureRequest) -> Page:
    return open_page("/rules/", width=request.param)


def shown(page: Page) -> list[str]:
    """The numbers of the rules that the table shows."""
    codes = page.locator(".rules tbody tr:visible td:first-child code:first-child")
    return sorted(text[-2:] for text in codes.all_text_contents())


def test_all_rules_are_shown_at_first(rules: Page) -> None:
    assert shown(rules) == [rule.number for rule in all_rules()]


def test_text_filters_by_what_a_rule_says(rules: Page) -> None:
    rules.get_by_label("Text").fill("connection-leak")
    assert shown(rules) == ["11"]


def test_fix_filters_by_the_safety_of_the_fix(rules: Page) -> None:
    rules.get_by_label("Fix").select_option("unsafe")
    assert shown(rules) == [rule.number for rule in all_rules() if rule.fix == "unsafe"]


def test_kind_filters_by_the_first_digit_of_the_rule(rules: Page) -> None:
    rules.get_by_label("Kind").select_option("1")
    assert shown(rules) == [rule.number for rule in all_rules() if rule.number[0] == "1"]


def test_a_tier_shows_the_codes_of_that_tier_alone(rules: Page) -> None:
    rules.get_by_label("Tier").select_option("2")
    codes = rules.locator(".rules tbody td:first-child code:visible").all_text_contents()
    assert codes == [f"NAQ2{rule.number}" for rule in all_rules()]


def test_the_command_that_selects_the_same_is_offered(rules: Page) -> None:
    rules.get_by_label("Tier").select_option("1")
    rules.get_by_label("Text").fill("connection-leak")
    expect(rules.get_by_role("status").filter(has_text="rules")).to_have_text(
        f"1 of {len(all_rules())} rules: flake8 --select NAQ111"
    )


def test_a_filter_that_nothing_passes_says_so(rules: Page) -> None:
    rules.get_by_label("Text").fill("no rule says this")
    assert shown(rules) == []
    expect(rules.get_by_role("status").filter(has_text="rules")).to_have_text(
        f"0 of {len(all_rules())} rules"
    )


def test_the_table_is_whole_without_scripts(open_page: Callable[..., Page]) -> None:
    page = open_page("/rules/", java_script_enabled=False)
    assert page.locator(".rules tbody tr").count() == len(all_rules())
    assert page.locator(".rules-filter").count() == 0
