"""The command line, on a real server."""

from __future__ import annotations

import json
import signal
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from naq.cli.main import app
from naq.server import NatsServer

NAQ = Path(sysconfig.get_path("scripts")) / "naq"


class Cli:
    """The command line, pointed at one server."""

    def __init__(self, url: str) -> None:
        self.url = url

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(app, [*words, "--url", self.url])

    def text(self, *words: str) -> str:
        result = self.run(*words)
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, *words: str) -> Any:
        return json.loads(self.text(*words, "--json"))

    def error(self, *words: str) -> str:
        result = self.run(*words)
        assert result.exit_code == 1
        assert result.stderr.count("\n") == 1
        assert result.stdout == ""
        return result.stderr

    def work(self, *words: str) -> None:
        command = [NAQ, "worker", "--burst", "--url", self.url, *words]
        subprocess.run(command, check=True, timeout=30, capture_output=True)


@pytest.fixture
def cli(nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("COLUMNS", "200")
    return Cli(nats_server.url)


def test_enqueue_work_and_result(cli: Cli) -> None:
    job_id = cli.text("enqueue", "math:pow", "2", "10").strip()
    assert cli.json("job", "status", job_id)["status"] == "queued"
    cli.work()
    assert cli.text("job", "result", job_id).strip() == "1024.0"
    assert cli.json("job", "result", job_id) == {"job_id": job_id, "result": 1024.0}
    assert "completed" in cli.text("job", "status", job_id)


def test_arguments_are_json_or_text_and_may_have_names(cli: Cli) -> None:
    words = ("enqueue", "builtins:dict", "a=1", 'b=[1, "x"]', "c=plain", "--serializer", "json")
    job_id = cli.json(*words)["job_id"]
    cli.work()
    assert cli.json("job", "result", job_id)["result"] == {"a": 1, "b": [1, "x"], "c": "plain"}


def test_queues_are_listed_and_purged(cli: Cli) -> None:
    assert "every queue is empty" in cli.text("queue", "list")
    cli.text("enqueue", "math:sqrt", "4", "--queue", "a.b")
    cli.text("enqueue", "math:sqrt", "4", "--queue", "a.b")
    assert cli.json("queue", "list") == {"a.b": 2}
    assert cli.json("queue", "purge", "a.b") == {"queue": "a.b", "purged": 2}


def test_a_job_can_be_cancelled_once(cli: Cli) -> None:
    job_id = cli.text("enqueue", "math:sqrt", "4").strip()
    assert cli.text("job", "cancel", job_id) == "cancelled\n"
    assert "no scheduled, waiting or queued job" in cli.error("job", "cancel", job_id)


def test_schedules_from_add_to_cancel(cli: Cli) -> None:
    assert "nothing is scheduled" in cli.text("schedule", "list")
    cli.text("schedule", "add", "math:sqrt", "4", "--cron", "0 4 * * *", "--id", "nightly")
    cli.text("schedule", "add", "math:sqrt", "4", "--at", "2040-01-01T00:00:00", "--id", "once")
    assert cli.json("schedule", "pause", "nightly")["status"] == "paused"
    listed = {each["job_id"]: each for each in cli.json("schedule", "list")}
    assert listed["nightly"]["cron"] == "0 4 * * *"
    assert listed["nightly"]["function"] == "math:sqrt"
    assert listed["once"]["run_at"] == "2040-01-01T00:00:00+00:00"
    assert "0 4 * * * UTC" in cli.text("schedule", "list")
    assert cli.json("schedule", "resume", "nightly")["status"] == "active"
    assert cli.text("schedule", "cancel", "nightly") == "cancelled\n"
    assert "no scheduled job 'nightly'" in cli.error("schedule", "cancel", "nightly")


def test_a_scheduled_job_runs_when_it_is_due(cli: Cli) -> None:
    job_id = cli.text("enqueue", "math:sqrt", "9", "--in", "0.1").strip()
    with subprocess.Popen([NAQ, "scheduler", "--url", cli.url], stderr=subprocess.DEVNULL) as run:
        try:
            while cli.json("job", "status", job_id)["status"] != "queued":
                assert run.poll() is None
        finally:
            run.send_signal(signal.SIGTERM)
        assert run.wait(timeout=10) == 0
    cli.work()
    assert cli.text("job", "result", job_id) == "3.0\n"


def test_failed_jobs_are_shown_requeued_and_purged(cli: Cli) -> None:
    job_id = cli.text("enqueue", "math:log", "0", "--retries", "1").strip()
    cli.work()
    assert "ValueError" in cli.text("failed", "list")
    assert "Traceback" in cli.text("failed", "show", job_id)
    assert cli.json("failed", "list")[0]["attempts"] == 2
    assert "ValueError" in cli.error("job", "result", job_id)
    assert cli.json("failed", "requeue", "--all") == {"requeued": 1}
    cli.work()
    assert cli.json("failed", "purge") == {"purged": 1}
    assert "no job has failed" in cli.text("failed", "list")
    assert "give the ids" in cli.error("failed", "requeue")


def test_events_and_their_counts(cli: Cli) -> None:
    cli.text("enqueue", "math:sqrt", "4")
    cli.work()
    assert "job.completed" in cli.text("events", "history", "job.*")
    assert cli.json("events", "stats")["queues"] == {"default": {"completed": 1}}


def test_workers_are_listed_while_they_live(cli: Cli) -> None:
    assert cli.json("workers") == []
    command = [NAQ, "worker", "a", "b", "--id", "w1", "--url", cli.url]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as worker:
        try:
            while not (listed := cli.json("workers")):
                assert worker.poll() is None
            assert listed[0]["worker_id"] == "w1"
            assert listed[0]["details"]["queues"] == ["a", "b"]
        finally:
            worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=10) == 0
    assert cli.json("workers") == []


def test_a_worker_finds_the_modules_of_the_folder_it_is_started_in(
    cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "my_tasks.py").write_text("def double(n):\n    return 2 * n\n", encoding="utf-8")
    job_id = cli.text("enqueue", "my_tasks:double", "21").strip()
    command = [NAQ, "worker", "--burst", "--url", cli.url]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=30, capture_output=True)
    assert cli.text("job", "result", job_id) == "42\n"


def test_a_thread_that_never_ends_does_not_keep_the_worker(cli: Cli) -> None:
    cli.text("enqueue", "time:sleep", "1000", "--timeout", "0.1")
    cli.work()
    assert "JobTimeoutError" in cli.text("failed", "list")


@pytest.mark.parametrize(
    "words",
    [
        ("queue", "list"),
        ("enqueue", "math:sqrt", "4"),
        ("failed", "list"),
        ("workers",),
        ("events", "stats"),
    ],
)
def test_a_server_that_is_not_there_is_one_line(words: tuple[str, ...]) -> None:
    assert "127.0.0.1:1" in Cli("nats://127.0.0.1:1").error(*words)


def test_bad_settings_are_one_line(cli: Cli) -> None:
    assert "package.module:function" in cli.error("enqueue", "sqrt")
    assert "no serializer 'yaml'" in cli.error("enqueue", "math:sqrt", "--serializer", "yaml")


def test_naq_server_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    command = [NAQ, "server", "--port", "0", "--json", "--store", tmp_path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            cli = Cli(json.loads(server.stdout.readline())["url"])
            job_id = cli.text("enqueue", "math:sqrt", "4").strip()
        finally:
            server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=10) == 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            cli = Cli(json.loads(server.stdout.readline())["url"])
            assert cli.json("job", "status", job_id)["status"] == "queued"
        finally:
            server.send_signal(signal.SIGINT)
        assert server.wait(timeout=10) == 0


def test_the_help_names_every_command() -> None:
    shown = CliRunner().invoke(app, ["--help"]).stdout
    for name in [
        "worker",
        "scheduler",
        "server",
        "enqueue",
        "job",
        "queue",
        "schedule",
        "failed",
        "workers",
        "events",
    ]:
        assert name in shown


def test_the_command_starts_in_the_folder_of_scripts() -> None:
    shown = subprocess.run([NAQ, "--version"], capture_output=True, text=True, check=True).stdout
    assert shown.startswith("naq ")
