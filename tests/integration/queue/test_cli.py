"""The command line, on a real server."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from naq.buckets import ensure_buckets
from naq.cli.main import app
from naq.connection import close_all_connections
from naq.models import WORKER_STATUS
from naq.server import NatsServer, run_nats_server
from naq.worker.status import WorkerStatusManager

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

    def error(self, *words: str, code: int = 1) -> str:
        result = self.run(*words)
        assert result.exit_code == code, result.output
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
    assert "there are no queues" in cli.text("queue", "list")
    cli.text("enqueue", "math:sqrt", "4", "--queue", "a.b")
    cli.text("enqueue", "math:sqrt", "4", "--queue", "a.b")
    assert [(each["name"], each["jobs"]) for each in cli.json("queue", "list")] == [("a.b", 2)]
    assert cli.json("queue", "purge", "a.b") == {"queue": "a.b", "purged": 2}


def test_a_job_can_be_cancelled_once(cli: Cli) -> None:
    job_id = cli.text("enqueue", "math:sqrt", "4").strip()
    assert cli.text("job", "cancel", job_id) == "cancelled\n"
    assert "no scheduled, waiting, queued or running job" in cli.error("job", "cancel", job_id)


def test_an_equal_job_is_enqueued_once(cli: Cli) -> None:
    words = ("enqueue", "math:sqrt", "4", "--unique-for", "3600")
    first = cli.text(*words).strip()
    assert first.startswith("unique-")
    assert cli.text(*words).strip() == first
    cli.text("schedule", "add", "math:sqrt", "4", "--every", "60", "--id", "s", "--no-overlap")


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
    command = [NAQ, "worker", "-q", "a", "-q", "b", "--id", "w1", "--url", cli.url]
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


def test_workers_that_are_all_stale_are_listed_with_exit_code_1(cli: Cli) -> None:
    async def sign_in() -> None:
        await ensure_buckets(cli.url)
        await WorkerStatusManager(cli.url).update_worker_status("w1", WORKER_STATUS.IDLE)
        await close_all_connections()

    asyncio.run(sign_in())
    assert "idle" in cli.text("workers")
    time.sleep(0.01)
    result = cli.run("workers", "--stale-after", "0.001")
    assert (result.exit_code, "stale" in result.stdout) == (1, True)


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
        ("events", "watch"),
        ("job", "result", "x", "--wait"),
        ("schedule", "list"),
    ],
)
def test_a_server_that_is_not_there_is_one_line(words: tuple[str, ...]) -> None:
    message = Cli("nats://127.0.0.1:1").error(*words, code=3)
    assert message == "naq: no NATS server at 127.0.0.1:1: Connection refused\n"


@pytest.fixture(scope="module")
def without_jetstream() -> Iterator[Cli]:
    with run_nats_server(jetstream=False) as server:
        yield Cli(server.url)


@pytest.mark.parametrize(
    "words",
    [
        ("enqueue", "math:sqrt", "4"),
        ("enqueue", "math:sqrt", "4", "--after", "x"),
        ("enqueue", "math:sqrt", "4", "--in", "5"),
        ("job", "status", "x"),
        ("job", "result", "x"),
        ("job", "cancel", "x"),
        ("queue", "list"),
        ("queue", "purge", "x"),
        ("schedule", "list"),
        ("failed", "list"),
        ("failed", "purge"),
        ("workers",),
        ("events", "watch"),
        ("events", "history"),
        ("events", "stats"),
    ],
    ids=" ".join,
)
def test_a_server_without_jetstream_is_one_line(
    words: tuple[str, ...], without_jetstream: Cli
) -> None:
    assert "no JetStream on the NATS server at 127" in without_jetstream.error(*words, code=3)


@pytest.mark.parametrize("command", ["worker", "scheduler"])
@pytest.mark.parametrize("served", [True, False])
def test_what_runs_on_ends_when_it_cannot_begin(
    command: str, served: bool, without_jetstream: Cli
) -> None:
    url = without_jetstream.url if served else "nats://127.0.0.1:1"
    done = subprocess.run(
        [NAQ, command, "--url", url], timeout=10, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert f"no {'JetStream on the NATS' if served else 'NATS'} server" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("enqueue sqrt", "package.module:function"),
        ("enqueue math:sqrt --serializer yaml", "no serializer 'yaml'"),
        ("enqueue math:sqrt --id .x", "job id '.x': use letters"),
        ("enqueue math:sqrt --after .x", "job id '.x': use letters"),
        ("enqueue math:sqrt --id x --after x", "depends on itself"),
        (f"enqueue math:sqrt --queue {'q' * 251}", "too long"),
        ("enqueue math:sqrt --in -5", "--in is a time to come, not -5 seconds"),
        ("enqueue math:sqrt --in nan", "nan seconds make no sense"),
        ("enqueue math:sqrt --in 1e300", "1e+300 seconds make no sense"),
        ("schedule add math:sqrt --id a --cron 61", "schedule 'a': '61' is no cron expression"),
        ("schedule add math:sqrt", "give --cron, --every or --at"),
        ("schedule add math:sqrt --every 1e300", "1e+300 seconds make no sense"),
        ("schedule add math:sqrt --at 2040-01-01 --repeat 2", "--repeat needs"),
        ("schedule add math:sqrt --cron 61", "naq: '61' is no cron expression"),
        ("job result .x", "an id has letters"),
        ("failed show .x", "an id has letters"),
        ("worker --id .x", "worker id '.x': use letters"),
        ("worker --ack-wait 0", "ack_wait must be"),
        ("dashboard --url http://x", "servers must be like nats://host"),
        ("dashboard --host 0.0.0.0", "give a --token"),
        ("dashboard --host 203.0.113.1 --token x", "cannot listen on 203.0.113.1"),
        ("server --store /dev/null/x", "Not a directory"),
    ],
)
def test_bad_settings_are_one_line(words: str, message: str, cli: Cli) -> None:
    given = words.split()
    if given[0] != "server" and "--url" not in given:
        given += ["--url", cli.url]
    result = CliRunner().invoke(app, given)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.count("\n") == 1
    assert message in result.stderr


def test_a_port_that_is_taken_is_one_line(nats_server: NatsServer) -> None:
    for command in ("server", "dashboard"):
        result = CliRunner().invoke(app, [command, "--port", str(nats_server.port)])
        assert (result.exit_code, result.stdout) == (1, "")
        assert "already in use" in result.stderr
        assert '"' not in result.stderr


@pytest.mark.parametrize("words", [("events", "history"), ("workers",)])
@pytest.mark.parametrize("number", ["1e300", "1e10"])
def test_a_very_long_time_is_the_whole_past(words: tuple[str, ...], number: str, cli: Cli) -> None:
    option = "--since" if words[0] == "events" else "--stale-after"
    cli.text("workers")
    cli.text(*words, option, number)


def test_the_log_of_a_worker_may_be_json(cli: Cli) -> None:
    command = [NAQ, "worker", "--burst", "--json", "--url", cli.url]
    done = subprocess.run(command, check=True, timeout=30, capture_output=True, text=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["level"] for line in lines] == ["info", "info"]
    assert "takes jobs from default" in lines[0]["message"]


def test_a_result_can_be_waited_for(cli: Cli) -> None:
    job_id = cli.text("enqueue", "math:sqrt", "4").strip()
    command = [NAQ, "job", "result", job_id, "--wait", "--url", cli.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as waiting:
        cli.work()
        assert waiting.communicate(timeout=10) == ("2.0\n", None)


def test_naq_server_serves_until_a_signal(tmp_path: Path) -> None:
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


def test_an_unknown_job_is_unknown_to_each_command(cli: Cli) -> None:
    for command in ("status", "result"):
        message = cli.error("job", command, "nope")
        assert message == "naq: nothing is known of a job 'nope'\n"
    cli.text("enqueue", "math:sqrt", "4", "--id", "q1")
    assert "there is no result of job q1 yet" in cli.error("job", "result", "q1")


def test_a_second_job_of_an_id_gets_a_warning(cli: Cli) -> None:
    cli.text("enqueue", "math:sqrt", "4", "--id", "q1")
    cli.work()
    again = cli.run("enqueue", "math:sqrt", "9", "--id", "q1")
    assert (again.exit_code, again.stdout) == (0, "q1\n")
    assert "nothing is enqueued: a job 'q1' ended within the last 120 s" in again.stderr


def test_a_wait_for_a_new_job_may_have_an_end(cli: Cli) -> None:
    words = ("enqueue", "math:sqrt", "4", "--id", "q1", "--wait-timeout", "0.3")
    result = cli.run(*words)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no result of job q1 within 0.3 s" in result.stderr


def test_moments_are_local_times_for_people_and_numbers_for_programs(cli: Cli) -> None:
    cli.text("enqueue", "math:sqrt", "4", "--id", "q1")
    moment = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    assert re.search(rf"created_at +{moment}[+-]\d\d:\d\d", cli.text("job", "status", "q1"))
    assert isinstance(cli.json("job", "status", "q1")["created_at"], float)
    cli.work()
    lines = cli.text("events", "history").splitlines()
    assert all(re.match(rf"{moment}\.\d{{3}}[+-]\d\d:\d\d [a-z]", line) for line in lines)
    assert re.search(rf"worker.started .*started_at={moment}", "\n".join(lines))


def test_a_table_for_another_program_keeps_each_row_on_a_line(cli: Cli) -> None:
    name = "n" * 120
    cli.text("enqueue", "math:log", "0", "--id", name)
    cli.work()
    command = [NAQ, "failed", "list", "--url", cli.url]
    narrow = {**os.environ, "COLUMNS": "80"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=narrow)
    _, row = done.stdout.splitlines()
    assert row.split()[:3] == [name, "math:log", "default"]


def test_a_queue_in_place_of_a_module_is_refused_with_a_hint(cli: Cli) -> None:
    message = cli.error("worker", "mail", "--burst")
    assert message == ("naq: cannot import mail: there is no such module (--queue names a queue)\n")


def test_a_module_that_raises_is_named_with_its_error(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("raising.py").write_text("import nowhere\n", encoding="utf-8")
    command = [NAQ, "worker", "raising", "--url", cli.url]
    done = subprocess.run(command, timeout=30, capture_output=True, text=True, check=False)
    expected = "naq: cannot import raising: ModuleNotFoundError: No module named 'nowhere'\n"
    assert (done.returncode, done.stderr) == (1, expected)


def test_a_worker_runs_the_functions_of_the_modules_that_it_is_given_and_no_others(
    cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "my_tasks.py").write_text("def double(n):\n    return 2 * n\n", encoding="utf-8")
    allowed = cli.text("enqueue", "my_tasks:double", "21").strip()
    refused = cli.text("enqueue", "math:sqrt", "4").strip()
    command = [NAQ, "worker", "my_tasks", "--burst", "--url", cli.url]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=30, capture_output=True)
    assert cli.text("job", "result", allowed) == "42\n"
    assert "this worker may not run math:sqrt" in cli.error("job", "result", refused)


def test_a_job_of_the_command_line_is_json(cli: Cli) -> None:
    cli.text("enqueue", "math:sqrt", "4", "--id", "q1")
    assert cli.json("job", "status", "q1")["serializer"] == "json"


def test_a_job_that_swallows_its_cancellation_is_reported_as_still_running(
    cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "my_tasks.py").write_text(STUBBORN, encoding="utf-8")
    cli.text("enqueue", "my_tasks:stubborn", "--id", "s")
    cli.text("enqueue", "asyncio:sleep", "60", "--id", "t")
    command = [NAQ, "worker", "--url", cli.url]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL) as worker:
        try:
            for job_id in ("s", "t"):
                until(lambda: cli.json("job", "status", job_id)["status"] == "running")  # noqa: B023
            assert cli.text("job", "cancel", "s") == "asked to end; it runs on for now\n"
            assert cli.json("job", "cancel", "s") == {"job_id": "s", "cancelled": False}
            assert cli.text("job", "cancel", "t") == "cancelled\n"
        finally:
            worker.kill()


STUBBORN = """
import asyncio
from contextlib import suppress

async def stubborn():
    while True:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
"""


def started_in_the_background(*words: str | Path) -> subprocess.Popen[str]:
    """Start naq as a shell without job control does for `&`: SIGINT is ignored."""
    ignoring = ("sh", "-c", 'trap "" INT; exec "$0" "$@"')
    return subprocess.Popen(
        [*ignoring, NAQ, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("worker", "--id", "w"), "takes jobs"),
        (("scheduler",), "stands by"),
        (("dashboard", "--port", "0"), "Dashboard at"),
    ],
)
def test_what_runs_in_the_background_ends_on_sigterm(
    words: tuple[str, ...], message: str, cli: Cli
) -> None:
    with started_in_the_background(*words, "--url", cli.url) as running:
        assert running.stdout is not None
        assert message in running.stdout.readline()
        time.sleep(0.5)
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=10) in (0, -signal.SIGTERM)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_in_the_background_ends_on_a_signal(number: signal.Signals) -> None:
    with started_in_the_background("server", "--port", "0", "--json") as running:
        assert running.stdout is not None
        printed = json.loads(running.stdout.readline())
        running.send_signal(number)
        assert running.wait(timeout=10) == 0
    assert not Path(printed["store"]).exists()


@pytest.mark.skipif(sys.platform != "linux", reason="no other system offers it")
def test_a_killed_server_command_leaves_no_server(tmp_path: Path) -> None:
    words = ("server", "--port", "0", "--json", "--store", tmp_path)
    with started_in_the_background(*words) as running:
        assert running.stdout is not None
        pid = json.loads(running.stdout.readline())["pid"]
        running.kill()
    until(lambda: not Path(f"/proc/{pid}/exe").exists())
    with started_in_the_background(*words) as running:
        assert running.stdout is not None
        json.loads(running.stdout.readline())
        running.terminate()


def test_a_store_has_one_server(tmp_path: Path) -> None:
    server = NatsServer(tmp_path)
    server.start()
    try:
        result = CliRunner().invoke(app, ["server", "--port", "0", "--store", str(tmp_path)])
        assert (result.exit_code, result.stdout) == (1, "")
        message = f"naq: the store {tmp_path} is in use by another server (pid {server.pid})"
        assert result.stderr.strip() == message
    finally:
        server.kill()
    server.start()  # the lock has gone with the process
    server.stop()


def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_watch_logs_that_the_server_is_back(cli: Cli, nats_server: NatsServer) -> None:
    command = [NAQ, "events", "watch", "--url", cli.url]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as watching:
        assert watching.stderr is not None
        try:
            until(lambda: nats_server.open_connections)
            time.sleep(0.5)
            nats_server.kill()
            assert "is lost" in watching.stderr.readline()
            nats_server.start()
            assert "is back" in watching.stderr.readline()
        finally:
            watching.terminate()


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


def test_every_command_speaks_json() -> None:
    commands: list[Any] = [typer.main.get_command(app)]
    silent = []
    while commands:
        command = commands.pop()
        if hasattr(command, "commands"):
            commands.extend(command.commands.values())
        elif "--json" not in {option for each in command.params for option in each.opts}:
            silent.append(command.name)
    assert silent == []


def test_the_command_starts_in_the_folder_of_scripts() -> None:
    shown = subprocess.run([NAQ, "--version"], capture_output=True, text=True, check=True).stdout
    assert shown.startswith("naq ")


def test_a_name_between_colons_is_no_emoji(cli: Cli) -> None:
    cli.text("enqueue", "math:sqrt", "4", "--queue", "a:smile:b")
    assert "a:smile:b" in cli.text("queue", "list")
