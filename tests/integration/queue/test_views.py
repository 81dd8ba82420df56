"""Lists and counts: one bad entry hides no other, foreign text stays text, many cost no more."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount
from starlette.testclient import TestClient
from typer.testing import CliRunner

import naq
import naq.sync
from naq.buckets import ensure_buckets
from naq.cli.main import app
from naq.connection import close_all_connections, nats_kv_store
from naq.dashboard.app import create_app
from naq.models import Schedule
from naq.names import Names
from naq.server import NatsServer
from naq.streams import ensure_consumer
from naq.worker import Worker

EVIL = "\x1b[2J\x9b31m\x07red\u202e"


@pytest.fixture
async def url(nats_server: NatsServer) -> AsyncIterator[str]:
    await ensure_buckets(nats_server.url)
    yield nats_server.url
    await close_all_connections()


async def put(url: str, bucket: str, **values: bytes) -> None:
    async with nats_kv_store(bucket, url) as kv:
        for key, value in values.items():
            await kv.put(key, value)


def run(*words: str) -> SimpleNamespace:
    result = CliRunner().invoke(app, words)
    return SimpleNamespace(code=result.exit_code, out=result.stdout, err=result.stderr)


@pytest.fixture
async def spoilt(url: str) -> str:
    """A server whose buckets hold a good entry each, and bad ones."""
    await naq.enqueue_in(60, math.sqrt, 4, job_id="good", config=url)
    unreadable_job = Schedule(job_id="half", cron="0 3 * * *", payload=b"nonsense").serialize()
    await put(url, Names().scheduled_jobs, bad=b"\xff", half=unreadable_job)
    await put(url, Names().worker_status, good=b"idle", bad=b"\xff", odd=b"dancing")
    await put(url, Names().worker_details, good=b"[1]")
    await naq.enqueue(math.sqrt, -1, job_id="broken", config=url)
    await Worker(config=url, burst=True, worker_id="w").run()
    await put(url, Names().failed_jobs, bad=b"\xff")
    return url


async def test_the_dashboard_shows_the_good_beside_the_bad(spoilt: str) -> None:
    with TestClient(create_app(spoilt)) as client:
        schedules = client.get("/api/schedules").json()["schedules"]
        workers = client.get("/api/overview").json()["workers"]
        failed = client.get("/api/jobs?state=failed").json()["jobs"]
    assert {each["job_id"] for each in schedules} == {"good", "half"}
    assert {each["worker_id"] for each in workers} >= {"good"}
    assert [each["job_id"] for each in failed] == ["broken"]


def test_the_command_line_lists_the_good_and_names_the_bad(spoilt: str) -> None:
    listed = run("schedule", "list", "--url", spoilt)
    assert listed.code == 0
    assert "good" in listed.out
    assert "half" in listed.out
    assert "schedule 'bad' cannot be read" in listed.err
    assert "broken" in run("failed", "list", "--url", spoilt).out
    assert "good" in run("workers", "--url", spoilt).out


# Foreign text


def test_control_characters_do_not_reach_the_terminal(url: str) -> None:
    naq.sync.enqueue("math:sqrt", EVIL, queue=f"q{EVIL}", config=url)
    naq.sync.run(Worker(f"q{EVIL}", config=url, burst=True).run())
    for words in (["failed", "list"], ["queue", "list"], ["failed", "list", "--json"]):
        shown = run(*words, "--url", url)
        assert not set(shown.out + shown.err) & set("\x1b\x9b\x07\u202e"), words
    naq.sync.close()


def test_an_error_names_what_is_evil_harmlessly(url: str) -> None:
    shown = run("job", "status", f"job{EVIL}", "--url", url)
    assert shown.code == 1
    assert not set(shown.err) & set("\x1b\x9b\x07\u202e")


# The dashboard's doors


@pytest.mark.parametrize("path", ["//example.org/", "///example.org"])
async def test_the_redirect_after_the_token_stays_here(url: str, path: str) -> None:
    client = TestClient(create_app(url, token="t"), follow_redirects=False)
    answer = client.get(f"http://testserver{path}?token=t")
    assert answer.status_code == 307
    where = answer.headers["location"]
    assert not where.startswith("//")


@pytest.mark.parametrize(("scheme", "secure"), [("http", False), ("https", True)])
async def test_the_cookie_is_secure_where_the_connection_is(
    url: str, scheme: str, secure: bool
) -> None:
    client = TestClient(
        create_app(url, token="t"), base_url=f"{scheme}://testserver", follow_redirects=False
    )
    assert ("Secure" in client.get("/?token=t").headers["set-cookie"]) == secure


async def test_the_redirect_after_the_token_keeps_the_filters(url: str) -> None:
    client = TestClient(create_app(url, token="t"), follow_redirects=False)
    answer = client.get("/?view=jobs&token=t&queue=a.b%26c")
    assert answer.headers["location"] == "/?view=jobs&queue=a.b%26c"


@pytest.mark.parametrize("path", ["/queues", "/queues/", "/deep/er/queues"])
async def test_the_dashboard_works_under_a_path(url: str, path: str) -> None:
    mount: Any = Mount("/queues", create_app(url, token="t"))
    site = Starlette(routes=[mount, Mount("/deep", routes=[Mount("/er", routes=[mount])])])
    with TestClient(site) as client:
        page = client.get(f"{path}?token=t")
        assert page.status_code == 200
        assert page.url.path == f"{path.rstrip('/')}/"
        assert 'src="static/app.js"' in page.text
        assert client.get(f"{page.url.path}static/app.js").status_code == 200
        assert client.get(f"{page.url.path}api/overview").status_code == 200


async def test_the_applications_own_login_decides(url: str) -> None:
    async def authorize(request: Request) -> bool | Response:
        if request.headers.get("x-user") == "ann":
            return True
        return RedirectResponse("/login") if request.url.path == "/queues/" else False

    site = Starlette(routes=[Mount("/queues", create_app(url, authorize=authorize))])
    with TestClient(site, follow_redirects=False) as client:
        assert client.get("/queues/").headers["location"] == "/login"
        for path in ("static/app.js", "api/overview", "api/live"):
            assert client.get(f"/queues/{path}").status_code == 403
        purge = client.post("/queues/api/queues/purge", json={"name": "default"})
        assert purge.status_code == 403
        assert client.get("/queues/api/overview", headers={"x-user": "ann"}).status_code == 200


# Many


async def test_sizes_are_counted_with_and_without_workers(url: str) -> None:
    for queue, count in [("served", 3), ("new", 2)]:
        await naq.enqueue_many(
            [naq.Job(math.sqrt, (n,), queue=queue) for n in range(count)], config=url
        )
    async with naq.nats_jetstream(url) as (_, js):
        await ensure_consumer(js, Names(), "served", 30)
        assert await naq.queue_sizes(url) == {"new": 2, "served": 3}
        await ensure_consumer(js, Names(), "new", 30)
        assert await naq.queue_sizes(url) == {"new": 2, "served": 3}


async def test_the_size_of_one_queue_is_counted_with_and_without_a_worker(url: str) -> None:
    queue = naq.Queue("e-mail.eu", url)
    assert await queue.size() == 0
    await naq.enqueue(math.sqrt, 4, queue="other", config=url)
    assert await queue.size() == 0
    await naq.enqueue_many(
        [naq.Job(math.sqrt, (n,), queue=queue.name) for n in range(3)], config=url
    )
    assert await queue.size() == 3
    async with naq.nats_jetstream(url) as (_, js):
        await ensure_consumer(js, Names(), queue.name, 30)
    assert await queue.size() == 3


async def test_sizes_take_two_requests_where_each_queue_has_a_worker(url: str) -> None:
    for queue in ("one", "two"):
        await naq.enqueue(math.sqrt, 4, queue=queue, config=url)
    async with naq.nats_jetstream(url) as (conn, js):
        for queue in ("one", "two"):
            await ensure_consumer(js, Names(), queue, 30)
        before = conn.stats["out_msgs"]
        assert await naq.queue_sizes(url) == {"one": 1, "two": 1}
        assert conn.stats["out_msgs"] - before == 2


async def test_the_size_of_a_large_served_queue_takes_no_longer(url: str) -> None:
    async with naq.nats_jetstream(url) as (_, js):
        await naq.enqueue(math.sqrt, 4, config=url)
        await ensure_consumer(js, Names(), "default", 30)
    times = []
    for _ in range(2):
        began = time.perf_counter()
        await naq.queue_sizes(url)
        times.append(time.perf_counter() - began)
        job = naq.Job("math:sqrt", (4,), serializer="json")
        copies = (job.under_id(f"j{n}", time.time()) for n in range(20_000))
        await naq.enqueue_many(copies, config=url)
    assert await naq.queue_sizes(url) == {"default": 20_001}
    assert times[1] < max(10 * times[0], 0.2)
