"""The dashboard, as a process of its own, over HTTP."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

import naq.sync
from naq.server import NatsServer, run_nats_server

NAQ = Path(sysconfig.get_path("scripts")) / "naq"

pytest.importorskip("uvicorn")


class Site:
    """The dashboard's site."""

    def __init__(self, base: str, process: subprocess.Popen[bytes]) -> None:
        self.base = base
        self._process = process

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)

    def ask(
        self,
        path: str,
        headers: dict[str, str] | None = None,
        body: dict[str, Any] | None = None,
        method: str | None = None,
    ) -> tuple[int, str]:
        data = None if body is None else json.dumps(body).encode()
        kind = {} if body is None else {"Content-Type": "application/json"}
        request = urllib.request.Request(
            self.base + path, data, method=method, headers=kind | (headers or {})
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def json(self, path: str, body: dict[str, Any] | None = None) -> Any:
        status, answer = self.ask(path, body=body)
        assert status == 200, answer
        return json.loads(answer)


@contextmanager
def dashboard(url: str, *words: str) -> Iterator[Site]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [NAQ, "dashboard", "--url", url, "--port", str(port), *words]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        site = Site(f"http://127.0.0.1:{port}", process)
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


@pytest.fixture(scope="module")
def empty() -> Iterator[Site]:
    """A dashboard of a server with nothing on it, for what changes nothing."""
    with run_nats_server() as server, dashboard(server.url) as found:
        yield found


@pytest.fixture
def site(url: str) -> Iterator[Site]:
    with dashboard(url) as found:
        yield found


def test_the_page_needs_nothing_from_elsewhere(empty: Site) -> None:
    status, page = empty.ask("/")
    assert status == 200
    assert "<title>naq</title>" in page
    static = resources.files("naq.dashboard").joinpath("static")
    assert isinstance(static, Path)
    for file in static.rglob("*.*"):
        status, text = empty.ask(f"/static/{file.relative_to(static)}")
        assert (status, text) == (200, file.read_text(encoding="utf-8"))
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text), file


@pytest.mark.parametrize("path", ["../app.py", "..%2fapp.py", "", "none.js", "style.txt"])
def test_nothing_but_the_assets_is_served(empty: Site, path: str) -> None:
    assert empty.ask(f"/static/{path}")[0] == 404


def test_an_empty_server_has_empty_views(empty: Site) -> None:
    overview = empty.json("/api/overview")
    for part in ("queues", "workers"):
        assert overview[part] == []
    assert (overview["failed_count"], overview["rate"]) == (0, 0)
    assert empty.json("/api/jobs")["jobs"] == []
    assert empty.json("/api/schedules")["schedules"] == []
    assert empty.json("/api/set-aside")["messages"] == []
    assert empty.json("/api/chart?span=day")["stored_since"] is None


def test_jobs_queues_and_schedules_are_shown(url: str, site: Site) -> None:
    naq.sync.enqueue("math:sqrt", -1, queue="a.b/c", config=url, job_id="bad")
    naq.sync.run(naq.Worker("a.b/c", url, burst=True).run())
    naq.sync.enqueue("math:sqrt", 4, queue="a.b/c", config=url)
    naq.sync.schedule("math:sqrt", 4, interval=60, config=url, job_id="often")
    overview = site.json("/api/overview")
    assert [(queue["name"], queue["jobs"]) for queue in overview["queues"]] == [("a.b/c", 1)]
    assert overview["failed_count"] == 1
    (failed,) = site.json("/api/jobs?state=failed&queue=a.b%2Fc")["jobs"]
    assert (failed["job_id"], failed["arguments"]) == ("bad", "-1")
    (schedule,) = site.json("/api/schedules")["schedules"]
    assert (schedule["job_id"], schedule["arguments"]) == ("often", "4")
    assert "Traceback" in site.json("/api/job?id=bad")["traceback"]
    assert sum(site.json("/api/chart?span=hour")["failed"]) == 1


def test_failed_jobs_are_requeued_and_removed(url: str, site: Site) -> None:
    for job_id in ("bad/one.two", "other"):
        naq.sync.enqueue("math:sqrt", -1, config=url, job_id=job_id)
    naq.sync.run(naq.Worker(config=url, burst=True).run())
    done = site.json("/api/jobs/requeue", {"ids": ["bad/one.two", "none"]})
    assert done == {"done": 1, "errors": {"none": "there is no failed job 'none'"}}
    assert naq.sync.queue_sizes(url) == {"default": 1}
    naq.sync.run(naq.Worker(config=url, burst=True).run())
    assert site.json("/api/jobs/delete", {"ids": ["other"]})["done"] == 1
    assert site.json("/api/failed/requeue", {"queue": None}) == {"done": 1}
    naq.sync.run(naq.Worker(config=url, burst=True).run())
    assert site.json("/api/failed/purge", {"queue": "default"}) == {"done": 1}
    assert site.json("/api/overview")["failed_count"] == 0


def test_jobs_are_cancelled(url: str, site: Site) -> None:
    naq.sync.enqueue("math:sqrt", 4, config=url, job_id="j")
    assert site.json("/api/jobs/cancel", {"ids": ["j"]}) == {"done": 1, "errors": {}}
    assert site.json("/api/jobs/cancel", {"ids": ["j"]})["done"] == 0
    assert site.json("/api/job?id=j")["status"] == "cancelled"


def test_a_queue_is_paused_resumed_and_purged(url: str, site: Site) -> None:
    naq.sync.enqueue("math:sqrt", 4, queue="ü.b", config=url)
    site.json("/api/queues/pause", {"name": "ü.b"})
    (queue,) = site.json("/api/queues")["queues"]
    assert (queue["name"], queue["jobs"], queue["paused"]) == ("ü.b", 1, True)
    site.json("/api/queues/resume", {"name": "ü.b"})
    assert not site.json("/api/queues")["queues"][0]["paused"]
    assert site.json("/api/queues/purge", {"name": "ü.b"}) == {"done": 1}


def test_a_schedule_is_paused_resumed_run_and_removed(url: str, site: Site) -> None:
    naq.sync.schedule("math:sqrt", 4, interval=60, config=url, job_id="often")
    site.json("/api/schedules/pause", {"id": "often"})
    assert site.json("/api/schedules")["schedules"][0]["status"] == "paused"
    site.json("/api/schedules/resume", {"id": "often"})
    assert site.json("/api/schedules")["schedules"][0]["status"] == "active"
    site.json("/api/schedules/run", {"id": "often"})
    assert naq.sync.queue_sizes(url) == {"default": 1}
    site.json("/api/schedules/cancel", {"id": "often"})
    assert site.json("/api/schedules")["schedules"] == []
    assert site.ask("/api/schedules/run", body={"id": "often"})[0] == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/jobs/cancel", {"ids": "j"}),
        ("/api/jobs/cancel", {"ids": [1]}),
        ("/api/jobs/cancel", {"ids": ["j"] * 1001}),
        ("/api/queues/pause", {}),
        ("/api/schedules/run", {"id": 5}),
        ("/api/failed/purge", {"queue": 5}),
        ("/api/chart?span=week", None),
        ("/api/jobs?limit=many", None),
    ],
)
def test_a_request_that_lacks_something_names_it(
    empty: Site, path: str, body: dict[str, Any] | None
) -> None:
    status, answer = empty.ask(path, body=body)
    assert status == 400
    assert json.loads(answer)["error"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
    ],
)
def test_what_another_page_sends_is_refused(empty: Site, headers: dict[str, str]) -> None:
    assert empty.ask("/api/queues/pause", headers, {"name": "default"})[0] == 403
    assert empty.json("/api/queues")["queues"] == []


def test_nothing_is_changed_by_a_get(empty: Site) -> None:
    assert empty.ask("/api/queues/purge?name=default")[0] == 405


def test_a_dashboard_with_a_token_shows_nothing_without_it(url: str) -> None:
    with dashboard(url, "--token", "secret") as site:
        for path in ("/", "/static/app.js", "/api/overview", "/api/live"):
            assert site.ask(path)[0] == 401
        assert site.ask("/api/overview", {"Authorization": "Bearer wrong"})[0] == 401
        assert site.ask("/api/overview", {"Authorization": "Bearer secret"})[0] == 200
        assert site.ask("/", {"Cookie": "naq_token=secret"})[0] == 200


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


class Heard:
    """What a browser hears of changes."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def next(self) -> Any:
        while True:
            line = self._answer.readline()
            assert line, "the stream has ended"
            if line.startswith(b"data: "):
                return json.loads(line[6:])

    def until(self, topic: str) -> None:
        while topic not in self.next()["topics"]:
            pass


@pytest.fixture
def heard(site: Site) -> Iterator[Heard]:
    with urllib.request.urlopen(site.base + "/api/live", timeout=20) as answer:
        heard = Heard(answer)
        assert heard.next()["topics"] == ["aside", "jobs", "queues", "schedules", "workers"]
        heard.until("queues")
        yield heard


def test_a_new_job_is_heard(url: str, heard: Heard) -> None:
    naq.sync.enqueue("math:sqrt", 4, config=url)
    heard.until("queues")


def test_a_new_schedule_is_heard(url: str, heard: Heard) -> None:
    naq.sync.schedule("math:sqrt", 4, interval=60, config=url, job_id="often")
    heard.until("schedules")


def test_a_worker_is_heard(url: str, heard: Heard) -> None:
    naq.sync.run(naq.Worker(config=url, burst=True).run())
    heard.until("workers")


def test_the_stream_outlasts_a_restart_of_the_server(
    url: str, heard: Heard, nats_server: NatsServer
) -> None:
    nats_server.kill()
    while not heard.next()["error"]:
        pass
    nats_server.start()
    while heard.next()["error"]:
        pass
    naq.sync.schedule("math:sqrt", 4, interval=60, config=url, job_id="often")
    heard.until("schedules")


def test_it_ends_at_once_although_somebody_watches(url: str) -> None:
    with dashboard(url) as site, urllib.request.urlopen(site.base + "/api/live") as answer:
        assert Heard(answer).next()
        began = time.monotonic()
        site.stop()
        assert time.monotonic() - began < 5


def test_a_bad_entry_hides_no_other(url: str, site: Site) -> None:
    names = naq.Config().names
    naq.sync.enqueue("math:sqrt", 4, config=url, job_id="good")

    async def spoil() -> None:
        async with naq.nats_jetstream(url) as (_, js):
            for bucket in (names.failed_jobs, names.scheduled_jobs, names.job_results):
                await js.publish(f"$KV.{bucket}.bad", b"\xff")

    site.json("/api/overview")
    naq.sync.run(spoil())
    ids = [each["job_id"] for each in site.json("/api/jobs")["jobs"]]
    assert "good" in ids
    assert site.json("/api/overview")["failed_count"] == 1
