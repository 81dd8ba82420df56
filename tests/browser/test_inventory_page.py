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


def test_a_click_on_a_heading_sorts_and_a_second_one_turns_it_round(
    opened: Callable[..., Page],
) -> None:
    page = opened()
    high = page.locator("section").first
    lines = high.locator("tbody tr td:first-child")
    heading = high.get_by_role("columnheader", name="function")
    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "ascending")
    expect(lines).to_have_text(["queue.py:13", "queue.py:18", "queue.py:5"])
    heading.get_by_role("button").press("Enter")
    expect(heading).to_have_attribute("aria-sort", "descending")
    expect(lines).to_have_text(["queue.py:5", "queue.py:18", "queue.py:13"])
    high.get_by_role("button", name="place").click()
    expect(heading).not_to_have_attribute("aria-sort", "descending")
    expect(lines).to_have_text(["queue.py:5", "queue.py:13", "queue.py:18"])


def test_a_long_path_breaks_behind_a_slash_alone(file: Path, browser: Browser) -> None:
    path = "services/notifications_and_alerts/" * 3 + "publishing_of_orders.py"
    text = file.read_text("utf-8")
    long = "".join(f"{part}/<wbr>" for part in path.split("/"))
    file.write_text(text.replace("queue.py:5", long.removesuffix("/<wbr>") + ":5"), "utf-8")
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto(file.as_uri())
    lines = page.locator("code.path").first.evaluate(
        """code => {
          const range = document.createRange(), lines = [];
          for (const node of code.childNodes) for (let i = 0; i < (node.data || "").length; i++) {
            range.setStart(node, i); range.setEnd(node, i + 1);
            const top = Math.round(range.getBoundingClientRect().top);
            if (lines.at(-1)?.top !== top) lines.push({top, text: ""});
            lines.at(-1).text += node.data[i];
          }
          return lines.map(line => line.text);
        }"""
    )
    assert "".join(lines) == f"{path}:5"
    assert len(lines) > 1
    assert all(line.endswith("/") for line in lines[:-1])
    page.close()


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
