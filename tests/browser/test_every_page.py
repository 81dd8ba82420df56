"""Properties of every page of the site."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser

LIMIT = 250_000


@dataclass(frozen=True)
class Seen:
    """What one page did, in a browser with an empty cache.

    Args:
        errors: what it wrote to the console as errors, and exceptions of its scripts.
        addresses: what it asked for.
        transferred: bytes over the wire, headers included.
        overflow: pixels by which it is wider than a phone.
    """

    errors: list[str]
    addresses: list[str]
    transferred: int
    overflow: int


@pytest.fixture(scope="module")
def seen(site, browser: Browser) -> dict[str, Seen]:
    return {path: visit(browser, site.url + path) for path in site.pages()}


def visit(browser: Browser, address: str) -> Seen:
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        errors: list[str] = []
        requests = []
        page.on("request", lambda request: requests.append(request))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "console", lambda entry: errors.append(entry.text) if entry.type == "error" else None
        )
        page.goto(address, wait_until="networkidle")
        sizes = [request.sizes() for request in requests if request.url.startswith("http")]
        transferred = sum(size["responseBodySize"] + size["responseHeadersSize"] for size in sizes)
        page.set_viewport_size({"width": 390, "height": 844})
        overflow = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return Seen(errors, [request.url for request in requests], transferred, overflow)


def test_no_page_logs_an_error(seen: dict[str, Seen]) -> None:
    assert {path: page.errors for path, page in seen.items() if page.errors} == {}


def test_no_page_asks_another_host(site, seen: dict[str, Seen]) -> None:
    own = (site.url, "data:", "blob:")
    foreign = {url for page in seen.values() for url in page.addresses if not url.startswith(own)}
    assert foreign == set()


def test_every_page_weighs_less_than_250_kilobytes(seen: dict[str, Seen]) -> None:
    heavy = {path: page.transferred for path, page in seen.items() if page.transferred >= LIMIT}
    assert heavy == {}


def test_no_page_loads_the_search_s_index_before_the_reader_searches(seen: dict[str, Seen]) -> None:
    assert [path for path, page in seen.items() if "search_index" in " ".join(page.addresses)] == []


def test_no_page_is_wider_than_a_phone(seen: dict[str, Seen]) -> None:
    assert {path: page.overflow for path, page in seen.items() if page.overflow > 0} == {}
