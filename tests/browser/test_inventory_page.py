"""The inventory's page, opened from the disk: its filter, its colours, its faults."""

from __future__ import annotations

import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

CODE = """\
import nats


async def publish(url):
    nc = await nats.connect(url)
    try:
        await nc.publish("orders", b"1")
    finally:
        await nc.close()


async def announce(url):
    nc = await nats.connect(url)
    await nc.publish("up", b"1")


async def connected(url):
    return await nats.connect(url)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    for name in ("queue.py", "results.py"):
        (tmp_path / name).write_text(CODE, "utf-8")
    command = [Path(sysconfig.get_path("scripts")) / "naq-migrate", "inventory", "--format=html"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    (tmp_path / "page.html").write_text(done.stdout, "utf-8")
    return tmp_path / "page.html"


@pytest.fixture
def opened(file: Path, browser: Browser) -> Iterator[Callable[..., Page]]:
    contexts = []

    def opened(width: int = 1280, **options: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 800}, **options)
        contexts.append(context)
        page = context.new_page()
        page.goto(file.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()


def test_a_word_leaves_the_places_that_have_it(opened: Callable[..., Page]) -> None:
    page = opened()
    expect(page.get_by_role("status")).to_have_text("6 of 6 places")
    page.get_by_role("searchbox").fill("results.py ANNOUNCE")
    expect(page.get_by_role("status")).to_have_text("1 of 6 places")
    expect(page.get_by_role("heading", level=2)).to_have_text(["Medium priority: 3 connections"])
    expect(page.get_by_text("results.py:13")).to_be_visible()


def test_the_habit_of_closing_and_the_shape_are_chosen(opened: Callable[..., Page]) -> None:
    page = opened()
    page.get_by_role("combobox", name="Closed").select_option("never")
    expect(page.get_by_role("status")).to_have_text("2 of 6 places")
    page.get_by_role("combobox", name="Shape").select_option("owned elsewhere")
    expect(page.get_by_role("status")).to_have_text("0 of 6 places")
    expect(page.get_by_role("heading", level=2)).to_have_count(0)


def test_without_scripts_it_is_the_tables(opened: Callable[..., Page]) -> None:
    page = opened(java_script_enabled=False)
    expect(page.locator("form")).to_be_hidden()
    expect(page.locator("section tbody tr")).to_have_count(6)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_has_no_serious_fault_and_fits(
    opened: Callable[..., Page], width: int, scheme: str
) -> None:
    page = opened(width, color_scheme=scheme)
    violations = Axe().run(page).response["violations"]
    assert [one["id"] for one in violations if one["impact"] in ("serious", "critical")] == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
