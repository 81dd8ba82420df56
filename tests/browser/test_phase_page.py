"""A phase's page: one diff of its modules, side by side, and what they are today."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

SCHEDULER = "/phases/scheduler/"


@pytest.fixture(params=[1440, 390], ids=["desktop", "phone"])
def width(request: pytest.FixtureRequest) -> int:
    return request.param


def background(page: Page, selector: str) -> str:
    return page.locator(selector).first.evaluate("e => getComputedStyle(e).backgroundColor")


def test_a_re_indented_line_is_marked_where_the_switch_for_whitespace_is_on(
    open_page: Callable[..., Page], width: int
) -> None:
    page = open_page("/phases/events/", width=width)
    line = ".side-by-side .space td.after:not(.number)"
    off = background(page, line)
    page.get_by_label("Show changes of whitespace").first.check()
    assert background(page, line) != off


def test_a_changed_word_stands_out_of_its_line(open_page: Callable[..., Page], width: int) -> None:
    page = open_page(SCHEDULER, width=width)
    assert background(page, "td.after mark") != background(page, ".changed td.after:not(.number)")


def test_a_line_by_an_unsafe_fix_has_a_bar(open_page: Callable[..., Page], width: int) -> None:
    page = open_page(SCHEDULER, width=width)
    shadow = page.locator("td.after.unsafe").first.evaluate("e => getComputedStyle(e).boxShadow")
    assert shadow != "none"


def test_a_change_by_hand_opens_beside_what_the_codemod_made(
    open_page: Callable[..., Page], width: int
) -> None:
    page = open_page(SCHEDULER, width=width)
    place = page.locator("details", has_text="Scheduler.get_scheduled_jobs, changed by hand")
    place.locator("summary").click()
    expect(place.locator(".side-by-side")).to_be_visible()


def test_the_module_of_today_is_one_click_away(open_page: Callable[..., Page]) -> None:
    page = open_page(SCHEDULER)
    page.get_by_role("link", name="src/naq/scheduling/scheduler.py").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("src/naq/scheduling/scheduler.py")
    expect(page.get_by_text("class Scheduler").first).to_be_visible()


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
