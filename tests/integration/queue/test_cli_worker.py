"""``naq worker`` with a lifespan and middleware, on a real server."""

from __future__ import annotations

import signal
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from naq.queue import Queue
from naq.results import Results
from naq.server import NatsServer

NAQ = Path(sysconfig.get_path("scripts")) / "naq"

APP = """
import asyncio
from contextlib import asynccontextmanager, suppress
from naq import lifespan_state

@asynccontextmanager
async def lifespan(worker):
    yield "a state"

@asynccontextmanager
async def broken(worker):
    raise ConnectionError("no database")
    yield

@asynccontextmanager
async def slow(worker):
    print("starting", flush=True)
    try:
        await asyncio.sleep(60)
    finally:
        print("cleaned up", flush=True)
    yield

@asynccontextmanager
async def endless(worker):
    yield
    while True:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)

async def first(job, call_next):
    return ["first", await call_next(job)]

async def second(job, call_next):
    return ["second", await call_next(job)]

def state() -> str:
    return lifespan_state(str)
"""


@pytest.fixture
def start(
    nats_server: NatsServer, tmp_path: Path
) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    (tmp_path / "app.py").write_text(APP)
    started: list[subprocess.Popen[str]] = []

    def run(*words: str) -> subprocess.Popen[str]:
        command = [NAQ, "worker", "--url", nats_server.url, *words]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, cwd=tmp_path, stdout=pipe, stderr=pipe, text=True)
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


Start = Callable[..., subprocess.Popen[str]]


async def test_a_lifespan_and_middleware_are_named(start: Start, url: str) -> None:
    job = await Queue(config=url).enqueue("app:state", serializer="json")
    middleware = ("--middleware", "app:first", "--middleware", "app:second")
    worker = start("app", "--burst", "--lifespan", "app:lifespan", *middleware)
    _, log = worker.communicate(timeout=30)
    assert worker.returncode == 0, log
    assert await Results(url).fetch_job_result(job.job_id) == ["first", ["second", "a state"]]


def test_a_lifespan_that_fails_at_the_start_ends_the_worker(start: Start) -> None:
    worker = start("--lifespan", "app:broken")
    out, log = worker.communicate(timeout=30)
    assert (worker.returncode, out) == (1, "")
    assert "ERROR the lifespan failed at the start: ConnectionError: no database" in log
    assert 'app.py", line' in log


def test_a_lifespan_that_is_not_there_is_an_error(start: Start) -> None:
    worker = start("--lifespan", "app:missing")
    _, log = worker.communicate(timeout=30)
    assert worker.returncode == 1
    assert log.startswith("naq: cannot import app:missing: AttributeError")


def test_sigterm_breaks_off_the_start_of_a_lifespan(start: Start) -> None:
    worker = start("--lifespan", "app:slow")
    assert worker.stdout is not None
    assert worker.stdout.readline() == "starting\n"
    worker.send_signal(signal.SIGTERM)
    out, log = worker.communicate(timeout=10)
    assert (worker.returncode, out) == (0, "cleaned up\n"), log


def test_a_worker_whose_lifespan_refuses_to_end_ends_all_the_same(start: Start) -> None:
    began = time.monotonic()
    worker = start("--burst", "--lifespan", "app:endless", "--shutdown-timeout", "0.2")
    _, log = worker.communicate(timeout=30)
    assert worker.returncode == 1
    assert "the lifespan did not end within 0.2 s" in log
    assert time.monotonic() - began < 20
