"""Probes of a worker over HTTP, and ``naq health``, on a real server."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import subprocess
import sysconfig
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from naq.cli.main import app
from naq.config import Config
from naq.exceptions import NaqError
from naq.health import check_health
from naq.models import WORKER_STATUS
from naq.queue import Queue
from naq.server import NatsServer
from naq.setup import setup
from naq.worker import Worker
from naq.worker import probe as probe_module
from naq.worker.probe import ProbeServer, as_answer
from naq.worker.status import WorkerStatusManager

NAQ = Path(sysconfig.get_path("scripts")) / "naq"
LOOPBACK = "127.0.0.1"

Eventually = Callable[[Callable[[], bool]], Awaitable[None]]


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind((LOOPBACK, 0))
        port: int = listening.getsockname()[1]
        return port


async def send(port: int, request: bytes) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        writer.write(request)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    return int(head.split()[1]), body


async def get(port: int, path: str) -> tuple[int, dict[str, Any]]:
    status, body = await send(port, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return status, json.loads(body)


async def until(port: int, path: str, status: int) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            try:
                found, document = await get(port, path)
            except OSError:
                found, document = 0, {}
            if found == status:
                return document
            await asyncio.sleep(0.02)


@asynccontextmanager
async def working(url: str, **settings: Any) -> AsyncIterator[tuple[Worker, int]]:
    port = free_port()
    worker = Worker(config=url, worker_id="w", health_port=port, health_host=LOOPBACK, **settings)
    running = asyncio.create_task(worker.run())
    try:
        yield worker, port
    finally:
        worker.stop()
        await running


async def test_a_worker_that_takes_jobs_is_live_and_ready(url: str) -> None:
    async with working(url) as (_, port):
        assert await until(port, "/readyz", 200) == {"status": "ok", "worker": "w"}
        assert await get(port, "/healthz") == (200, {"status": "ok", "worker": "w"})


async def test_without_the_server_it_is_live_and_not_ready(
    nats_server: NatsServer, url: str
) -> None:
    async with working(url) as (_, port):
        await until(port, "/readyz", 200)
        nats_server.kill()
        document = await until(port, "/readyz", 503)
        assert document["reason"] == "the connection to the server is lost"
        assert (await get(port, "/healthz"))[0] == 200
        nats_server.start()
        await until(port, "/readyz", 200)


async def test_while_the_lifespan_starts_it_is_live_and_not_ready(url: str) -> None:
    go_on = asyncio.Event()

    @asynccontextmanager
    async def slow(_worker: Worker) -> AsyncIterator[None]:
        await go_on.wait()
        yield

    async with working(url, lifespan=slow) as (_, port):
        assert (await until(port, "/healthz", 200))["status"] == "ok"
        assert (await get(port, "/readyz"))[1]["reason"] == "the worker starts"
        go_on.set()
        await until(port, "/readyz", 200)


async def hold(seconds: float) -> None:
    await asyncio.sleep(seconds)


async def test_a_worker_that_stops_is_live_and_not_ready(url: str) -> None:
    async with working(url) as (worker, port):
        await Queue(config=url).enqueue(hold, 0.5)
        await until(port, "/readyz", 200)
        await asyncio.sleep(0.2)
        worker.stop()
        assert await get(port, "/readyz") == (
            503,
            {"status": "unavailable", "reason": "the worker stops", "worker": "w"},
        )
        assert (await get(port, "/healthz"))[0] == 200


async def test_a_blocked_event_loop_does_not_answer(
    url: str, tmp_path: Path, eventually: Eventually
) -> None:
    (tmp_path / "app.py").write_text(
        "import pathlib, time\n"
        "async def block():\n"
        "    pathlib.Path('blocked').touch()\n"
        "    time.sleep(3)\n"
    )
    port = free_port()
    command = [NAQ, "worker", "--url", url, "--health-port", str(port)]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)  # noqa: ASYNC220
    try:
        await until(port, "/readyz", 200)
        await Queue(config=url).enqueue("app:block")
        await eventually((tmp_path / "blocked").exists)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(get(port, "/healthz"), 1)
        await until(port, "/healthz", 200)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


async def test_a_port_in_use_is_an_error_before_any_job(url: str) -> None:
    async with working(url) as (_, port):
        await until(port, "/readyz", 200)
        second = Worker(config=url, health_port=port, health_host=LOOPBACK)
        with pytest.raises(NaqError, match=f"cannot listen on health port {port}: .*in use"):
            await second.run()
        command = [NAQ, "worker", "--url", url, "--health-port", str(port)]
        done = await asyncio.to_thread(
            subprocess.run, command, check=False, capture_output=True, text=True, timeout=30
        )
        assert done.returncode == 1
        assert "cannot listen on health port" in done.stderr


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /healthz?verbose HTTP/1.1\r\n\r\n", 200),
        (b"HEAD /healthz HTTP/1.1\r\n\r\n", 200),
        (b"POST /healthz HTTP/1.1\r\n\r\n", 405),
        (b"GET /other HTTP/1.1\r\n\r\n", 404),
        (b"nonsense\r\n\r\n", 405),
        (b"\r\n\r\n", 405),
        (b"\xff\xff\r\n\r\n", 405),
    ],
)
async def test_any_request_has_an_answer(request_: bytes, status: int) -> None:
    async with ProbeServer(0, LOOPBACK, {"/healthz": lambda: as_answer(None)}) as server:
        found, body = await send(server.port, request_)
        assert found == status
        assert (body == b"") == request_.startswith(b"HEAD")


async def test_a_request_that_does_not_end_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_module, "READ_TIMEOUT", 0.1)
    async with ProbeServer(0, LOOPBACK, {"/healthz": lambda: as_answer(None)}) as server:
        for unfinished in (b"GET /healthz HTTP/1.1\r\n", b"x" * 100_000):
            reader, writer = await asyncio.open_connection(LOOPBACK, server.port)
            writer.write(unfinished)
            began = time.monotonic()
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
            assert time.monotonic() - began < 5
            writer.close()


def health(url: str, *words: str) -> tuple[int, dict[str, Any]]:
    command = [NAQ, "health", "--json", "--url", url, *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    return done.returncode, json.loads(done.stdout or "{}")


async def test_the_command_is_for_exec_probes(url: str) -> None:
    await setup(url)
    async with working(url) as (_, port):
        await until(port, "/readyz", 200)
        for words in ((), ("--worker", "w"), ("--here",), ("--queue", "default")):
            code, report = await asyncio.to_thread(health, url, *words)
            assert (code, report["healthy"]) == (0, True)
        code, report = await asyncio.to_thread(health, url, "--queue", "other")
        assert code == 1
        assert report["checks"][-1] == {
            "name": "workers",
            "healthy": False,
            "detail": "no such worker",
        }


def test_without_a_server_its_exit_code_is_3() -> None:
    assert health("nats://127.0.0.1:1")[0] == 3


async def test_missing_streams_and_silent_workers_are_unhealthy(url: str) -> None:
    server, streams = await check_health(url)
    assert server.healthy
    assert not streams.healthy
    assert streams.detail.startswith("missing: naq_jobs, KV_")
    await setup(url)
    assert all(each.healthy for each in await check_health(url, workers=False))
    await WorkerStatusManager(url).update_worker_status("w", WORKER_STATUS.IDLE)
    assert all(each.healthy for each in await check_health(url, worker="w"))
    silent = Config(servers=(url,), worker_stale_after=0.01)
    *_, workers = await check_health(silent)
    assert workers.detail == "1 worker silent for too long"


def test_the_probes_on_the_page_use_options_and_paths_that_exist() -> None:
    page = (Path(__file__).parents[3] / "docs/naq/how-to/health.md").read_text(encoding="utf-8")
    http, exec_ = (
        yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    )
    container = http["containers"][0]
    assert {container[probe]["httpGet"]["path"] for probe in container if "Probe" in probe} == {
        "/healthz",
        "/readyz",
    }
    options = {
        option
        for command in ("worker", "health")
        for parameter in get_command(app).commands[command].params  # type: ignore[attr-defined]
        for option in parameter.opts
    }
    words = container["args"] + exec_["livenessProbe"]["exec"]["command"]
    assert {word for word in words if word.startswith("--")} <= options
