"""A phase's page: its diffs in tabs, and its modules side by side."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

SCHEDULER = "/phases/scheduler/"


@pytest.fixture(params=[1280, 390], ids=["desktop", "phone"])
def width(request: pytest.FixtureRequest) -> int:
    return request.param


def test_the_tabs_switch_from_the_safe_fixes_to_the_unsafe_ones(
    open_page: Callable[..., Page], width: int
) -> None:
    page = open_page(SCHEDULER, width=width)
    unsafe = page.locator(".highlight", has_text="fix --diff --unsafe-fixes")
    expect(unsafe).not_to_be_visible()
    page.locator("label", has_text="Unsafe fixes").click()
    expect(unsafe).to_be_visible()


def test_added_and_removed_lines_of_a_diff_have_colours_of_their_own(
    open_page: Callable[..., Page], width: int
) -> None:
    page = open_page(SCHEDULER, width=width)
    colours = {
        kind: page.locator(f".highlight .{kind}").first.evaluate("e => getComputedStyle(e).color")
        for kind in ("gi", "gd", "w")
    }
    assert len(set(colours.values())) == 3


def test_a_desktop_shows_before_and_after_beside_each_other(open_page: Callable[..., Page]) -> None:
    before, after = changed_cells(open_page(SCHEDULER, width=1280))
    assert before["x"] + before["width"] <= after["x"]


def test_a_phone_shows_them_below_each_other(open_page: Callable[..., Page]) -> None:
    before, after = changed_cells(open_page(SCHEDULER, width=390))
    assert before["y"] + before["height"] <= after["y"]


def changed_cells(page: Page) -> list[dict[str, float]]:
    """Where a changed line stands, as it was and as it is."""
    body = page.locator(".side-by-side tbody.changed").first
    return [
        body.locator(f"td.{side}:not(.number)").first.bounding_box() for side in ("before", "after")
    ]


def test_the_chart_of_all_phases_has_its_figures_as_text(open_page: Callable[..., Page]) -> None:
    page = open_page("/phases/")
    expect(page.get_by_role("img", name="Scheduler: 3 by the codemod, safe")).to_be_visible()
