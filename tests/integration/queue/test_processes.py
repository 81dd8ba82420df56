"""``naq worker --processes``, on a real server."""

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
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from naq.queue import Queue, queue_sizes
from naq.results import Results
from naq.server import NatsServer
from naq.worker.status import WorkerStatusManager

NAQ = Path(sysconfig.get_path("scripts")) / "naq"

APP = """
import asyncio, os, time
from contextlib import asynccontextmanager

def pid():
    time.sleep(0.05)
    return os.getpid()

async def hold(seconds):
    await asyncio.sleep(seconds)
    return os.getpid()

def crash():
    os._exit(9)

@asynccontextmanager
async def broken(worker):
    raise ConnectionError("no database")
    yield

@asynccontextmanager
async def slow(worker):
    await asyncio.sleep(60)
    yield

@asynccontextmanager
async def stubborn(worker):
    yield
    time.sleep(60)
"""

HEALTH = ("--health-port", "0", "--health-host", "127.0.0.1")


class Supervised:
    """A supervisor under test, with its log."""

    def __init__(self, url: str, folder: Path, *words: str, naq: Sequence[Any] = (NAQ,)) -> None:
        self.file = folder / "log"
        command = [*naq, "worker", "--processes", "2", "--url", url, "--json", *words]
        with self.file.open("wb") as log:
            self.popen = subprocess.Popen(command, cwd=folder, stderr=log, start_new_session=True)

    @property
    def lines(self) -> list[dict[str, Any]]:
        text = self.file.read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    @property
    def log(self) -> str:
        return self.file.read_text(encoding="utf-8")

    async def until(self, pattern: str, count: int = 1) -> re.Match[str]:
        async with asyncio.timeout(60):
            while len(list(re.finditer(pattern, self.log))) < count:
                assert self.popen.poll() is None or re.search(pattern, self.log), self.log
                await asyncio.sleep(0.05)
        return list(re.finditer(pattern, self.log))[-1]

    async def ends(self) -> int:
        return await asyncio.to_thread(self.popen.wait, 60)


Start = Callable[..., Supervised]


@pytest.fixture
def start(nats_server: NatsServer, tmp_path: Path) -> Iterator[Start]:
    (tmp_path / "app.py").write_text(APP)
    started: list[Supervised] = []

    def run(*words: str, **settings: Any) -> Supervised:
        started.append(Supervised(nats_server.url, tmp_path, *words, **settings))
        return started[-1]

    yield run
    for each in started:
        each.popen.kill()
        each.popen.wait()


TAKES_JOBS = "takes jobs from"


async def worker_pids(url: str) -> list[int]:
    workers = await WorkerStatusManager(url).list_workers()
    return [each.details["pid"] for each in workers if not each.stale]


async def is_gone(pid: int) -> None:
    async with asyncio.timeout(60):
        while True:
            with suppress(ProcessLookupError):
                os.kill(pid, 0)
                await asyncio.sleep(0.05)
                continue
            return


async def test_several_processes_share_the_jobs_and_end_in_order(start: Start, url: str) -> None:
    supervised = start("--id", "mail", "--concurrency", "1")
    await supervised.until(TAKES_JOBS, 2)
    jobs = [await Queue(config=url).enqueue("app:pid") for _ in range(20)]
    results = [await Results(url).fetch_job_result(job.job_id) for job in jobs]
    assert set(results) == set(await worker_pids(url))
    assert len(set(results)) == 2
    supervised.popen.send_signal(signal.SIGTERM)
    assert await supervised.ends() == 0
    names = {line.get("process") for line in supervised.lines if TAKES_JOBS in line["message"]}
    assert names == {"process 1", "process 2"}
    assert {"worker mail-1", "worker mail-2"} <= set(re.findall(r"worker mail-\d", supervised.log))
    assert await worker_pids(url) == []


async def test_a_burst_ends_when_the_queues_are_empty(start: Start, url: str) -> None:
    for _ in range(10):
        await Queue(config=url).enqueue("app:pid")
    supervised = start("--burst")
    assert await supervised.ends() == 0
    assert await queue_sizes(url) == {}


async def test_a_killed_process_is_reported_and_replaced(start: Start, url: str) -> None:
    supervised = start()
    await supervised.until(TAKES_JOBS, 2)
    (killed, kept) = await worker_pids(url)
    os.kill(killed, signal.SIGKILL)
    await supervised.until(rf"\(pid {killed}\) ended with SIGKILL; another one starts in 0\.5 s")
    await supervised.until(TAKES_JOBS, 3)
    job = await Queue(config=url).enqueue("app:pid")
    assert await Results(url).fetch_job_result(job.job_id) != killed
    assert kept in await worker_pids(url)
    supervised.popen.send_signal(signal.SIGTERM)
    assert await supervised.ends() == 0


async def test_a_process_that_ends_again_and_again_waits_longer(start: Start, url: str) -> None:
    supervised = start("--ack-wait", "1", "--max-crashes", "3")
    await supervised.until(TAKES_JOBS, 2)
    await Queue(config=url).enqueue("app:crash")
    await supervised.until("ended with exit code 9; another one starts in 1 s")
    supervised.popen.send_signal(signal.SIGTERM)
    assert await supervised.ends() == 0


async def test_a_second_signal_does_not_wait_for_running_jobs(start: Start, url: str) -> None:
    supervised = start()
    await supervised.until(TAKES_JOBS, 2)
    await Queue(config=url).enqueue("app:hold", 60)
    await asyncio.sleep(0.4)
    began = time.monotonic()
    supervised.popen.send_signal(signal.SIGINT)
    await supervised.until("running jobs may end")
    supervised.popen.send_signal(signal.SIGINT)
    assert await supervised.ends() == 0
    assert time.monotonic() - began < 15
    assert await Queue(config=url).size() == 1


async def test_a_signal_to_the_whole_group_counts_once(start: Start, url: str) -> None:
    """As systemd sends it: the supervisor and every process get SIGTERM."""
    supervised = start()
    await supervised.until(TAKES_JOBS, 2)
    job = await Queue(config=url).enqueue("app:hold", 1)
    await asyncio.sleep(0.4)
    for pid in (supervised.popen.pid, *await worker_pids(url)):
        os.kill(pid, signal.SIGTERM)
    assert await supervised.ends() == 0
    assert await Results(url).fetch_job_result(job.job_id, timeout=0)


async def test_a_ctrl_c_in_the_terminal_counts_once(start: Start, url: str) -> None:
    supervised = start()
    await supervised.until(TAKES_JOBS, 2)
    job = await Queue(config=url).enqueue("app:hold", 1)
    await asyncio.sleep(0.4)
    os.killpg(supervised.popen.pid, signal.SIGINT)
    assert await supervised.ends() == 0
    assert await Results(url).fetch_job_result(job.job_id, timeout=0)


async def test_without_their_supervisor_the_processes_stop(start: Start, url: str) -> None:
    supervised = start()
    await supervised.until(TAKES_JOBS, 2)
    pids = await worker_pids(url)
    supervised.popen.kill()
    for pid in pids:
        await is_gone(pid)
    assert await worker_pids(url) == []


async def test_a_worker_that_cannot_begin_ends_the_supervisor(start: Start) -> None:
    supervised = start("--lifespan", "app:broken")
    assert await supervised.ends() == 1
    assert "ConnectionError: no database" in supervised.log
    assert "could not begin: exit code 1" in supervised.log


async def test_without_a_server_the_exit_code_is_that_of_one_worker(
    nats_server: NatsServer, start: Start
) -> None:
    nats_server.kill()
    assert await start().ends() == 3


async def test_sigterm_during_the_start_is_heeded(start: Start) -> None:
    supervised = start("--lifespan", "app:slow")
    await supervised.until("starting 2 worker processes")
    supervised.popen.send_signal(signal.SIGTERM)
    assert await supervised.ends() == 0


async def test_a_process_that_does_not_end_is_killed(start: Start) -> None:
    words = ("--lifespan", "app:stubborn", "--shutdown-timeout", "0.1", "--block-limit", "0")
    hasty = "from naq.cli import main, processes; processes.END_MARGIN = 1; main.main()"
    supervised = start(*words, naq=(sys.executable, "-c", hasty))
    await supervised.until(TAKES_JOBS, 2)
    supervised.popen.send_signal(signal.SIGTERM)
    assert await supervised.ends() == 1
    assert len(re.findall("does not end: killed", supervised.log)) == 2


def get(port: str, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


async def test_one_health_port_answers_for_all(
    nats_server: NatsServer, start: Start, url: str
) -> None:
    supervised = start(*HEALTH, "--concurrency", "1")
    port = (await supervised.until(r"answered on port (\d+)"))[1]
    assert (await asyncio.to_thread(get, port, "/healthz"))[0] == 200
    await supervised.until(TAKES_JOBS, 2)
    async with asyncio.timeout(10):
        while '"ready": 2' not in (await asyncio.to_thread(get, port, "/readyz"))[1]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    jobs = [await Queue(config=url).enqueue("app:pid") for _ in range(10)]
    for job in jobs:
        await Results(url).fetch_job_result(job.job_id)
    wanted = 'naq_jobs_completed_total{queue="default",task="app:pid"} 10.0'
    assert wanted in (await asyncio.to_thread(get, port, "/metrics"))[1]
    nats_server.kill()
    async with asyncio.timeout(10):
        while (answer := await asyncio.to_thread(get, port, "/readyz"))[0] == 200:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert "the connection to the server is lost" in answer[1]
    assert (await asyncio.to_thread(get, port, "/healthz"))[0] == 200
    nats_server.start()
    supervised.popen.send_signal(signal.SIGTERM)
    assert await supervised.ends() == 0
