"""The queue's dashboard, on a real server, in a real browser."""

from __future__ import annotations

import re
import socket
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

import naq.sync
from naq.server import NatsServer

NAQ = Path(sysconfig.get_path("scripts")) / "naq"
EVIL = "<img src=x onerror=alert(1)>\x1b[2J\u202e"
EVIL_AS_SHOWN = "<img src=x onerror=alert(1)>\\u001b[2J\\u202e"

VIEWS = {
    "overview": "",
    "jobs": "?view=jobs",
    "failed": "?view=jobs&state=failed",
    "job": "?view=job&id=bad",
    "evil": "?view=job&id=evil",
    "queues": "?view=queues",
    "schedules": "?view=schedules",
    "workers": "?view=workers",
    "aside": "?view=aside",
}


@pytest.fixture(scope="session")
def base_url() -> str:
    """The dashboard needs no built site."""
    return ""


def in_a_thread(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call from a thread: playwright keeps an event loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call, *args, **kwargs).result()


def work(url: str) -> None:
    naq.sync.run(naq.Worker(config=url, burst=True).run())


def enqueue(url: str, *call: Any, **settings: Any) -> None:
    in_a_thread(naq.sync.enqueue, *call, config=url, **settings)


def fail(url: str, *ids: str) -> None:
    for job_id in ids:
        enqueue(url, "math:sqrt", -1, job_id=job_id)
    in_a_thread(work, url)


@dataclass
class Place:
    """A NATS server and its dashboard."""

    server: NatsServer
    address: str

    @property
    def url(self) -> str:
        return self.server.url


@contextmanager
def running(folder: Path) -> Iterator[Place]:
    server = NatsServer(folder)
    server.start()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [NAQ, "dashboard", "--url", server.url, "--port", str(port), "--token", "secret"]
    try:
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            try:
                deadline = time.monotonic() + 20
                while not _answers(port):
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
                yield Place(server, f"http://127.0.0.1:{port}/")
            finally:
                process.terminate()
    finally:
        in_a_thread(naq.sync.close)
        server.stop()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with running(tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A server with jobs of several states, for tests that change nothing."""
    with running(tmp_path_factory.mktemp("store")) as found:
        url = found.url
        jobs = [naq.Job("math:sqrt", (n,), job_id=f"good{n:02}") for n in range(60)]
        in_a_thread(naq.sync.enqueue_many, jobs, config=url)
        enqueue(url, "builtins:int", EVIL, job_id="evil")
        fail(url, "bad")
        enqueue(url, "math:sqrt", 4, queue=f"a.b/ü {EVIL}", job_id="queued")
        enqueue(url, "math:sqrt", 4, depends_on="queued", job_id="waits")
        in_a_thread(naq.sync.schedule, "math:sqrt", 4, interval=3600, config=url, job_id="often")
        yield found


@contextmanager
def opened(browser: Browser, place: Place, query: str = "", **options: Any) -> Iterator[Page]:
    context: BrowserContext = browser.new_context(**options)
    page = context.new_page()
    page.goto(f"{place.address}?{query.removeprefix('?')}&token=secret".replace("?&", "?"))
    yield page
    context.close()


@pytest.fixture
def page(browser: Browser, place: Place) -> Iterator[Page]:
    with opened(browser, place) as found:
        yield found


def agree(page: Page, label: str) -> None:
    """Answer the question that the page asks."""
    page.get_by_role("dialog").get_by_role("button", name=label, exact=True).click()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390], ids=["desktop", "phone"])
def test_every_view_is_accessible_fits_and_writes_no_errors(
    browser: Browser, furnished: Place, width: int, scheme: Any
) -> None:
    size: Any = {"width": width, "height": 844}
    with opened(browser, furnished, viewport=size, color_scheme=scheme) as page:
        errors: list[str] = []
        page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        for name, query in VIEWS.items():
            page.goto(furnished.address + query)
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            violations = Axe().run(page).response["violations"]
            found = [(each["id"], each["nodes"][0]["html"]) for each in violations]
            assert (name, found) == (name, [])
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, name
        assert errors == []


def test_the_token_leaves_the_address_and_the_filters_stay(
    browser: Browser, furnished: Place
) -> None:
    with opened(browser, furnished, "view=jobs&state=failed") as page:
        expect(page).to_have_url(f"{furnished.address}?view=jobs&state=failed")
        expect(page.get_by_role("link", name="bad", exact=True)).to_be_visible()


def test_jobs_are_filtered_by_state_queue_and_task_in_the_address(
    browser: Browser, furnished: Place
) -> None:
    with opened(browser, furnished, "view=jobs") as page:
        page.get_by_role("link", name="waiting").click()
        expect(page.locator("tbody tr")).to_have_count(1)
        expect(page.get_by_role("link", name="waits")).to_be_visible()
        page.go_back()
        expect(page.locator("tbody tr")).to_have_count(50)  # the view before, with its own filter
        page.get_by_label("task").fill("builtins:*")
        page.get_by_role("button", name="Filter").click()
        expect(page.get_by_role("link", name="evil")).to_be_visible()
        expect(page.locator("tbody tr")).to_have_count(1)
        expect(page).to_have_url(re.compile(r"view=jobs&task=builtins%3A\*$"))
        page.reload()
        expect(page.locator("tbody tr")).to_have_count(1)


def test_a_queue_of_any_name_leads_to_its_jobs(browser: Browser, furnished: Place) -> None:
    with opened(browser, furnished, "view=queues") as page:
        page.get_by_role("link", name=f"a.b/ü {EVIL_AS_SHOWN}").click()
        expect(page.get_by_role("link", name="queued", exact=True).last).to_be_visible()
        expect(page.locator("tbody tr")).to_have_count(1)


def test_pages_go_on_and_back(browser: Browser, furnished: Place) -> None:
    with opened(browser, furnished, "view=jobs&state=completed") as page:
        expect(page.locator("tbody tr")).to_have_count(50)
        page.get_by_role("link", name="Next page").click()
        expect(page.locator("tbody tr")).to_have_count(10)
        page.get_by_role("link", name="First page").click()
        expect(page.locator("tbody tr")).to_have_count(50)


def test_the_text_of_a_job_is_escaped(browser: Browser, furnished: Place) -> None:
    with opened(browser, furnished, "view=job&id=evil") as page:
        expect(page.get_by_text("<img src=x onerror=alert(1)>").first).to_be_visible()
        assert page.locator("img").count() == 0
        assert "\u202e" not in page.content()
        assert "\x1b" not in page.content()


def test_a_job_is_shown_with_arguments_traceback_and_events(
    browser: Browser, furnished: Place
) -> None:
    with opened(browser, furnished, "view=job&id=bad") as page:
        expect(page.get_by_role("cell", name="-1", exact=True)).to_be_visible()
        expect(page.get_by_text("ValueError: math domain error").first).to_be_visible()
        expect(page.get_by_text("Traceback (most recent call last)")).to_be_visible()
        expect(page.get_by_role("cell", name="job.failed")).to_be_visible()


def test_an_unknown_job_is_named(browser: Browser, furnished: Place) -> None:
    with opened(browser, furnished, "view=job&id=none") as page:
        expect(page.get_by_role("alert")).to_have_text("nothing is known of a job 'none'")


def test_the_chart_counts_what_ended(browser: Browser, furnished: Place) -> None:
    with opened(browser, furnished) as page:
        chart = page.get_by_role("img", name="Last hour: 60 completed, 2 failed")
        expect(chart).to_be_visible()


def test_a_failed_job_comes_up_by_itself_and_is_requeued(page: Page, place: Place) -> None:
    page.get_by_role("link", name="Jobs", exact=True).click()
    expect(page.get_by_text("There are no such jobs.")).to_be_visible()
    in_a_thread(fail, place.url, "bad")
    page.get_by_role("link", name="bad").click()
    page.get_by_role("button", name="Requeue").click()
    agree(page, "Requeue")
    expect(page.get_by_text("queued", exact=True)).to_be_visible()
    assert in_a_thread(naq.sync.queue_sizes, place.url) == {"default": 1}


def test_many_jobs_are_requeued_at_once_after_a_question(page: Page, place: Place) -> None:
    in_a_thread(fail, place.url, "one", "two", "three")
    page.goto(f"{place.address}?view=jobs&state=failed")
    page.get_by_label("Select one", exact=True).check()
    page.get_by_label("Select two", exact=True).check()
    page.get_by_role("button", name="Requeue 2 jobs").click()
    agree(page, "Cancel")
    expect(page.locator("tbody tr")).to_have_count(3)
    page.get_by_role("button", name="Requeue 2 jobs").click()
    agree(page, "Requeue")
    expect(page.locator("tbody tr")).to_have_count(1)
    assert in_a_thread(naq.sync.queue_sizes, place.url) == {"default": 2}
    page.get_by_role("button", name="Remove all").click()
    agree(page, "Remove all")
    expect(page.get_by_text("There are no such jobs.")).to_be_visible()


def test_a_selection_and_the_focus_outlast_what_comes_in(page: Page, place: Place) -> None:
    in_a_thread(fail, place.url, "one")
    page.goto(f"{place.address}?view=jobs")
    page.get_by_label("Select one", exact=True).check()
    page.get_by_label("queue").focus()
    page.keyboard.type("some")
    enqueue(place.url, "math:sqrt", 4, job_id="new")
    expect(page.get_by_role("link", name="new")).to_be_visible()
    expect(page.get_by_label("Select one", exact=True)).to_be_checked()
    expect(page.get_by_label("queue")).to_be_focused()
    expect(page.get_by_label("queue")).to_have_value("some")


def test_queued_jobs_are_cancelled(page: Page, place: Place) -> None:
    enqueue(place.url, "math:sqrt", 4, job_id="j")
    page.goto(f"{place.address}?view=jobs&state=queued")
    page.get_by_label("Select all jobs of this page").check()
    page.get_by_role("button", name="Cancel 1 job").click()
    page.get_by_role("dialog").locator("[value=yes]").click()
    expect(page.get_by_text("There are no such jobs.")).to_be_visible()
    assert in_a_thread(naq.sync.queue_sizes, place.url) == {}


def test_a_queue_is_paused_in_one_tab_and_shown_in_another(
    browser: Browser, page: Page, place: Place
) -> None:
    enqueue(place.url, "math:sqrt", 4, queue="a.b/ü")
    with opened(browser, place, "view=queues") as other:
        page.goto(f"{place.address}?view=queues")
        page.get_by_role("button", name="Pause a.b/ü").click()
        agree(page, "Pause")
        expect(page.get_by_role("button", name="Resume a.b/ü")).to_be_visible()
        enqueue(place.url, "math:sqrt", 4, queue="a.b/ü")
        expect(other.get_by_role("button", name="Resume a.b/ü")).to_be_visible()
        page.get_by_role("button", name="Purge a.b/ü").click()
        agree(page, "Purge")
        expect(other.get_by_role("button", name="Purge a.b/ü")).to_be_disabled()


def test_a_schedule_is_paused_and_run_now(page: Page, place: Place) -> None:
    in_a_thread(naq.sync.schedule, "math:sqrt", 4, interval=60, config=place.url, job_id="often")
    page.get_by_role("link", name="Schedules").click()
    page.get_by_role("button", name="Pause often").click()
    agree(page, "Pause")
    expect(page.get_by_role("button", name="Resume often")).to_be_visible()
    page.get_by_role("button", name="Run now often").click()
    agree(page, "Run now")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_role("link", name="Queues").click()
    expect(page.get_by_role("cell", name="1", exact=True)).to_be_visible()


def test_the_page_goes_on_after_the_server_was_away(page: Page, place: Place) -> None:
    expect(page.get_by_role("status")).to_contain_text("updated")
    place.server.kill()
    expect(page.get_by_role("alert")).to_be_visible(timeout=20_000)
    place.server.start()
    expect(page.get_by_role("alert")).to_be_hidden(timeout=20_000)
    in_a_thread(naq.sync.close)
    enqueue(place.url, "math:sqrt", 4, queue="after")
    expect(page.get_by_role("link", name="after")).to_be_visible(timeout=20_000)


def test_another_page_changes_nothing(page: Page, place: Place) -> None:
    enqueue(place.url, "math:sqrt", 4)
    other = page.context.new_page()
    other.goto("data:text/html,<title>elsewhere</title>")
    sent = """async address => {
        const body = JSON.stringify({ name: "default" });
        for (const headers of [{}, { "Content-Type": "application/json" }]) {
            try {
                const options = { method: "POST", body, headers, credentials: "include" };
                await fetch(address + "api/queues/purge", options);
            } catch {}
        }
    }"""
    other.evaluate(sent, place.address)
    assert in_a_thread(naq.sync.queue_sizes, place.url) == {"default": 1}
