"""The dashboard, as a process of its own, over HTTP."""

from __future__ import annotations

import json
import socket
import subprocess
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import naq.sync
from naq.server import NatsServer

NAQ = Path(sysconfig.get_path("scripts")) / "naq"

pytest.importorskip("uvicorn")


class Site:
    """The dashboard's site."""

    def __init__(self, base: str) -> None:
        self.base = base

    def ask(
        self, path: str, method: str = "GET", headers: dict[str, str] | None = None
    ) -> tuple[int, str]:
        request = urllib.request.Request(self.base + path, method=method, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def json(self, path: str, method: str = "GET") -> Any:
        status, body = self.ask(path, method)
        assert status == 200, body
        return json.loads(body)


@contextmanager
def dashboard(url: str, *words: str) -> Iterator[Site]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [NAQ, "dashboard", "--url", url, "--port", str(port), *words]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        site = Site(f"http://127.0.0.1:{port}")
        try:
            _wait_for(lambda: _answers(port))
            yield site
        finally:
            process.terminate()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def url(nats_server: NatsServer) -> Iterator[str]:
    yield nats_server.url
    naq.sync.close()


@pytest.fixture
def site(url: str) -> Iterator[Site]:
    with dashboard(url) as found:
        yield found


def test_the_page_needs_nothing_from_elsewhere(site: Site) -> None:
    status, page = site.ask("/")
    assert status == 200
    assert "<title>naq</title>" in page
    assert "//" not in page.replace("</", "").partition("<script>")[0]


def test_an_empty_server_has_an_empty_overview(site: Site) -> None:
    overview = site.json("/api/overview")
    for part in ("queues", "workers", "schedules", "failed"):
        assert overview[part] == []


def test_queues_failed_jobs_and_schedules_are_shown(url: str, site: Site) -> None:
    naq.sync.enqueue("math:sqrt", -1, queue="a.b/c", config=url, job_id="bad")
    naq.sync.run(naq.Worker("a.b/c", url, burst=True).run())
    naq.sync.enqueue("math:sqrt", 4, queue="a.b/c", config=url)
    naq.sync.schedule("math:sqrt", 4, interval=60, config=url, job_id="often")
    overview = site.json("/api/overview")
    assert [(queue["name"], queue["jobs"]) for queue in overview["queues"]] == [("a.b/c", 1)]
    assert overview["queues"][0]["failed"] > 0
    assert [job["job_id"] for job in overview["failed"]] == ["bad"]
    assert [each["job_id"] for each in overview["schedules"]] == ["often"]
    assert "Traceback" in site.json("/api/failed/bad")["traceback"]


def test_a_failed_job_can_be_requeued_and_removed(url: str, site: Site) -> None:
    naq.sync.enqueue("math:sqrt", -1, config=url, job_id="bad/one.two")
    naq.sync.run(naq.Worker(config=url, burst=True).run())
    site.json("/api/failed/bad%2Fone.two/requeue", "POST")
    assert naq.sync.queue_sizes(url) == {"default": 1}
    naq.sync.run(naq.Worker(config=url, burst=True).run())
    assert site.json("/api/failed/bad%2Fone.two", "DELETE") == {"deleted": True}
    status, body = site.ask("/api/failed/bad%2Fone.two/requeue", "POST")
    assert (status, "there is no failed job" in body) == (404, True)


def test_a_schedule_can_be_paused_and_resumed(url: str, site: Site) -> None:
    naq.sync.schedule("math:sqrt", 4, interval=60, config=url, job_id="often")
    site.json("/api/schedules/often/pause", "POST")
    assert site.json("/api/overview")["schedules"][0]["status"] == "paused"
    site.json("/api/schedules/often/resume", "POST")
    assert site.json("/api/overview")["schedules"][0]["status"] == "active"


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}]
)
def test_what_another_page_sends_is_refused(site: Site, headers: dict[str, str]) -> None:
    assert site.ask("/api/failed/x/requeue", "POST", headers)[0] == 403


def test_a_dashboard_with_a_token_shows_nothing_without_it(url: str) -> None:
    with dashboard(url, "--token", "secret") as site:
        assert site.ask("/")[0] == 401
        assert site.ask("/api/overview", headers={"Authorization": "Bearer wrong"})[0] == 401
        assert site.ask("/api/overview", headers={"Authorization": "Bearer secret"})[0] == 200
        assert site.ask("/", headers={"Cookie": "naq_token=secret"})[0] == 200


def test_it_does_not_listen_to_other_machines_without_a_token(url: str) -> None:
    command = [NAQ, "dashboard", "--url", url, "--host", "0.0.0.0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 1
    assert "give a --token" in done.stderr


def test_a_lost_server_is_an_error_of_one_line(url: str, nats_server: NatsServer) -> None:
    with dashboard(url) as site:
        site.json("/api/overview")
        nats_server.kill()
        status, body = site.ask("/api/overview")
        assert status == 503
        assert json.loads(body)["error"]
