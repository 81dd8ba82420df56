"""The queue's dashboard, on a real server, in a real browser."""

from __future__ import annotations

import socket
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

import naq.sync
from naq.server import run_nats_server

NAQ = Path(sysconfig.get_path("scripts")) / "naq"


def in_a_thread(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call from a thread: playwright keeps an event loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call, *args, **kwargs).result()


def work(url: str) -> None:
    naq.sync.run(naq.Worker(config=url, burst=True).run())


@pytest.fixture
def url() -> Iterator[str]:
    with run_nats_server() as server:
        yield server.url
        in_a_thread(naq.sync.close)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def address(url: str) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [NAQ, "dashboard", "--url", url, "--port", str(port), "--token", "secret"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 20
        while not _answers(port):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/"
        process.terminate()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{address}?token=secret")
    yield page
    context.close()


def test_the_token_leaves_the_address(page: Page, address: str) -> None:
    expect(page).to_have_url(address)
    expect(page.get_by_role("status")).to_contain_text("updated")


def test_a_failed_job_is_shown_and_requeued(page: Page, url: str) -> None:
    in_a_thread(naq.sync.enqueue, "math:sqrt", -1, config=url, job_id="bad")
    in_a_thread(work, url)
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("dialog")).to_contain_text("Traceback")
    page.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Requeue").click()
    expect(page.get_by_text("No job has failed.")).to_be_visible()
    assert in_a_thread(naq.sync.queue_sizes, url) == {"default": 1}


def test_the_text_of_a_job_is_escaped(page: Page, url: str) -> None:
    in_a_thread(naq.sync.enqueue, "builtins:int", "<img src=x onerror=alert(1)>", config=url)
    in_a_thread(work, url)
    expect(page.get_by_text("<img src=x onerror=alert(1)>")).to_be_visible()


def test_a_schedule_is_paused_with_a_click(page: Page, url: str) -> None:
    in_a_thread(naq.sync.schedule, "math:sqrt", 4, interval=60, config=url, job_id="often")
    page.get_by_role("button", name="Pause often").click()
    expect(page.get_by_role("button", name="Resume often")).to_be_visible()


def test_it_writes_no_errors_and_fits_a_telephone(browser: Browser, address: str, url: str) -> None:
    in_a_thread(naq.sync.enqueue, "math:sqrt", 4, config=url)
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    errors: list[str] = []
    page.on("console", lambda entry: errors.append(entry.text) if entry.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{address}?token=secret")
    expect(page.get_by_role("cell", name="default")).to_be_visible()
    assert errors == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    context.close()
