"""``naq job list``, ``naq job show``, ``naq queue`` and ``naq schedule run``."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

import naq.sync
from naq.cli.main import app
from naq.server import NatsServer

EVIL = "\x1b[2J\x07<b>"


def run(*words: str) -> SimpleNamespace:
    result = CliRunner().invoke(app, words)
    return SimpleNamespace(code=result.exit_code, out=result.stdout, err=result.stderr)


def as_json(*words: str) -> Any:
    done = run(*words, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


@pytest.fixture
def url(nats_server: NatsServer) -> str:
    """A server with a failed job, a finished one and a queued one."""
    url = nats_server.url
    naq.sync.enqueue("math:sqrt", 4, job_id="good", config=url)
    naq.sync.run(naq.Worker(config=url, burst=True, worker_id="w").run())
    naq.sync.enqueue("math:sqrt", -1, job_id="bad", config=url)
    naq.sync.run(naq.Worker(config=url, burst=True, worker_id="w").run())
    naq.sync.enqueue("builtins:print", EVIL, queue="a.b", job_id="evil", config=url)
    naq.sync.close()
    return url


def test_a_listing_has_the_fields_that_the_documentation_names(url: str) -> None:
    page = as_json("job", "list", "--url", url)
    assert page.keys() == {"jobs", "next", "searched_to"}
    jobs = {each["job_id"]: each for each in page["jobs"]}
    evil, bad, good = jobs["evil"], jobs["bad"], jobs["good"]
    common = {"job_id", "status", "function", "queue", "arguments", "since", "created_at"}
    assert common <= evil.keys()
    ended = common | {"attempts", "enqueued_at", "started_at", "ended_at", "worker"}
    assert ended <= good.keys()
    assert ended | {"error"} <= bad.keys()
    assert (good["status"], good["arguments"], good["worker"]) == ("completed", "4", "w")


def test_a_listing_is_filtered_and_paged(url: str) -> None:
    first = as_json("job", "list", "--url", url, "--limit", "2")
    rest = as_json("job", "list", "--url", url, "--limit", "2", "--page", first["next"])
    assert [each["job_id"] for each in first["jobs"] + rest["jobs"]] == ["evil", "bad", "good"]
    for words, expected in (
        (("--state", "failed"), ["bad"]),
        (("--queue", "a.b"), ["evil"]),
        (("--task", "builtins:*"), ["evil"]),
        (("--since", "1h"), ["evil", "bad", "good"]),
        (("--since", "2999-01-01"), []),
    ):
        page = as_json("job", "list", "--url", url, *words)
        assert [each["job_id"] for each in page["jobs"]] == expected


def test_a_listing_is_a_table_whose_text_moves_no_cursor(url: str) -> None:
    done = run("job", "list", "--url", url)
    assert done.code == 0
    assert "\x1b[2J" not in done.out
    assert "completed" in done.out
    assert "the next page: --page" in run("job", "list", "--url", url, "--limit", "1").err


@pytest.mark.parametrize(
    "words", [("--since", "soon"), ("--state", "odd"), ("--page", "?"), ("--since", "9e99d")]
)
def test_a_wrong_option_is_an_error_of_one_line(url: str, words: tuple[str, str]) -> None:
    done = run("job", "list", "--url", url, *words)
    assert (done.code, done.err.count("\n")) == (1, 1)


def test_a_job_is_shown_with_its_traceback_and_events(url: str) -> None:
    shown = as_json("job", "show", "bad", "--url", url)
    assert shown["arguments"] == {"args": ["-1"], "kwargs": {}, "hidden": ""}
    assert "ValueError" in shown["traceback"]
    assert [event["type"] for event in shown["events"]] == ["job.failed"]
    assert as_json("job", "show", "good", "--url", url)["result"] == "2.0"
    text = run("job", "show", "bad", "--url", url).out
    assert "Traceback" in text
    assert "job.failed" in text
    assert run("job", "show", "none", "--url", url).code == 1


def test_a_queue_is_paused_and_resumed(url: str) -> None:
    assert as_json("queue", "pause", "a.b", "--url", url) == {"queue": "a.b", "paused": True}
    assert as_json("queue", "list", "--url", url) == [
        {"name": "a.b", "jobs": 1, "in_hand": 0, "paused": True},
        {"name": "default", "jobs": 0, "in_hand": 0, "paused": False},
    ]
    assert "paused" in run("queue", "list", "--url", url).out
    assert run("queue", "resume", "a.b", "--url", url).out == "resumed\n"


@pytest.mark.parametrize("command", ["pause", "resume"])
def test_a_queue_that_nobody_has_used_is_unknown(url: str, command: str) -> None:
    done = run("queue", command, "nosuch", "--url", url)
    assert (done.code, done.out) == (1, "")
    assert "naq: nothing is known of a queue 'nosuch'" in done.err
    names = [each["name"] for each in as_json("queue", "list", "--url", url)]
    assert names == ["a.b", "default"]


def test_a_schedule_runs_now(url: str) -> None:
    naq.sync.schedule("math:sqrt", 4, interval=3600, job_id="often", config=url)
    naq.sync.close()
    shown = as_json("schedule", "run", "often", "--url", url)
    assert shown["schedule"] == "often"
    assert as_json("job", "show", shown["job_id"], "--url", url)["status"] == "queued"
