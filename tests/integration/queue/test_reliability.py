"""No crash loses an acknowledged job or result, or runs a finished job again."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import nats.errors
import pytest
from nats.js.errors import APIError, KeyNotFoundError, NoStreamResponseError

import naq
from naq.buckets import ensure_buckets
from naq.config import Config
from naq.exceptions import JobError, JobFailedError, NaqConnectionError, ResultTimeoutError
from naq.models import Job
from naq.queue import Queue, queue_sizes
from naq.results import Results
from naq.server import NatsServer, run_nats_server
from naq.worker import Worker
from naq.worker.context import current_job
from naq.worker.status import WorkerStatusManager

OUTAGE = (NaqConnectionError, nats.errors.Error, APIError, NoStreamResponseError, TimeoutError)

runs: Counter[str] = Counter()
run_again_although_stored: list[str] = []
where: list[Config] = []


async def look_and_count() -> str:
    """Look whether the own result is stored already, as it must not be."""
    context = current_job()
    assert context is not None
    job_id = context.job.job_id
    runs[job_id] += 1
    if runs[job_id] > 1:
        with suppress(*OUTAGE):
            async with naq.nats_kv_store("job_results", where[0]) as kv:
                with suppress(KeyNotFoundError):
                    await kv.get(job_id)
                    run_again_although_stored.append(job_id)
    return job_id


@pytest.fixture(autouse=True)
def _nothing_yet() -> None:
    runs.clear()
    run_again_although_stored.clear()
    where.clear()


async def enqueue_through_outages(config: Config, count: int, acknowledged: list[str]) -> None:
    queue = Queue(config=config)
    for number in range(count):
        job = Job(look_and_count, job_id=f"job-{number}")
        while True:
            with suppress(JobError, *OUTAGE):
                await queue.enqueue(job)
                acknowledged.append(job.job_id)
                break
            await asyncio.sleep(0.05)


async def until_all_have_results(config: Config, job_ids: list[str]) -> None:
    async with asyncio.timeout(60):
        while True:
            with suppress(*OUTAGE):
                stored = {info.job_id for info in await Results(config).list_results()}
                if stored >= set(job_ids) and await queue_sizes(config) == {}:
                    return
            await asyncio.sleep(0.1)


async def test_nothing_is_lost_or_done_twice_when_the_server_is_killed(
    nats_server: NatsServer,
) -> None:
    config = Config(servers=(nats_server.url,))
    where.append(config)
    await ensure_buckets(config)
    worker = Worker(config=config, ack_wait=2)
    working = asyncio.create_task(worker.run())
    acknowledged: list[str] = []
    enqueuing = asyncio.create_task(enqueue_through_outages(config, 1500, acknowledged))
    for _ in range(3):
        await asyncio.sleep(0.3)
        nats_server.kill()
        await asyncio.sleep(0.1)
        nats_server.start()
    async with asyncio.timeout(60):
        await enqueuing
    await until_all_have_results(config, acknowledged)
    worker.stop()
    await working
    assert len(acknowledged) == 1500
    assert run_again_although_stored == []
    await naq.close_all_connections()


async def test_a_worker_goes_on_with_a_server_that_has_forgotten_everything(
    url: str, nats_server: NatsServer
) -> None:
    await Queue(config=url).enqueue("math:sqrt", 4, job_id="before")
    worker = Worker(config=url)
    working = asyncio.create_task(worker.run())
    await Results(url).fetch_job_result("before", timeout=10)
    nats_server.kill()
    await asyncio.sleep(0.05)
    shutil.rmtree(nats_server.directory / "store")
    nats_server.start()
    await Queue(config=url).enqueue("math:sqrt", 9, job_id="after")
    await until_all_have_results(Config(servers=(url,)), ["after"])
    async with asyncio.timeout(10):
        while not (listed := await WorkerStatusManager(url).list_workers()):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    assert listed[0].details["queues"] == ["default"]
    worker.stop()
    await working


def wait_for_a_file(path: str) -> str:
    while not Path(path).exists():
        time.sleep(0.02)
    return "seen"


async def test_a_job_that_ends_in_an_outage_publishes_its_end_and_result(
    url: str, nats_server: NatsServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    queue, file = Queue(config=url), tmp_path / "go"
    jobs = [await queue.enqueue(wait_for_a_file, str(file)) for _ in range(3)]
    jobs.append(await queue.enqueue("math:sqrt", -1, depends_on=jobs[:1]))
    worker = Worker(config=url)
    working = asyncio.create_task(worker.run())
    results = Results(url)
    waits = [
        asyncio.create_task(results.fetch_job_result(job.job_id, timeout=60)) for job in jobs[:3]
    ]
    await asyncio.sleep(1)
    nats_server.kill()
    await asyncio.sleep(0.3)
    file.touch()
    await asyncio.sleep(7)  # longer than a wait's own timeouts, and than a sweep takes to return
    assert not any(wait.done() for wait in waits)
    assert caplog.text.count("waits longer than it has to") <= 1
    nats_server.start()
    assert await asyncio.gather(*waits) == ["seen"] * 3
    with pytest.raises(JobFailedError):
        await results.fetch_job_result(jobs[3].job_id, timeout=20)
    worker.stop()
    await working
    ended = await naq.EventManager(url).history("job.*")
    counts = Counter((event.type, event.data["job_id"]) for event in ended)
    expected = {("job.completed", job.job_id): 1 for job in jobs[:3]}
    expected[("job.failed", jobs[3].job_id)] = 1
    assert {key: count for key, count in counts.items() if key[0] != "job.started"} == expected


async def test_a_wait_for_a_result_ends_in_an_outage_when_its_time_is_over(
    url: str, nats_server: NatsServer
) -> None:
    waiting = asyncio.create_task(Results(url).fetch_job_result("none", timeout=3))
    await asyncio.sleep(0.5)
    nats_server.kill()
    with pytest.raises(ResultTimeoutError, match="within 3 s"):
        await waiting


async def test_a_worker_waits_for_a_server_that_stops_answering(
    nats_server: NatsServer,
) -> None:
    config = Config(servers=(nats_server.url,), connect_timeout=0.3, request_timeout=0.3)
    worker = Worker(config=config)
    working = asyncio.create_task(worker.run())
    first = await naq.enqueue("math:sqrt", 9, config=config)
    assert await naq.fetch_job_result(first, config=config, timeout=20) == 3
    nats_server.pause()
    await asyncio.sleep(1)
    assert not working.done()
    nats_server.resume()
    job = await naq.enqueue("math:sqrt", 4, config=config)
    assert await naq.fetch_job_result(job, config=config, timeout=20) == 2
    worker.stop()
    await working
    await naq.close_all_connections()


async def test_a_worker_bears_with_a_full_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("naq.worker.settle.STORE_AGAIN_AFTER", 0.1)
    limited = f'jetstream {{ store_dir: "{tmp_path}", max_file: 1MB }}'
    with run_nats_server(jetstream=False, options=limited) as server:
        await ensure_buckets(server.url)
        job = await Queue(config=server.url).enqueue("random:randbytes", 100_000)
        async with naq.nats_jetstream(server.url) as (_, js):
            await js.add_stream(name="fill", subjects=["fill"])
            with suppress(APIError):
                while True:
                    await js.publish("fill", bytes(50_000))
            with pytest.raises(JobError, match="insufficient resources"):
                await Queue(config=server.url).enqueue("random:randbytes", bytes(50_000))
            worker = Worker(config=server.url)
            working = asyncio.create_task(worker.run())
            async with asyncio.timeout(10):
                while "its result is not stored: the server refuses" not in caplog.text:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            assert not working.done()
            await js.purge_stream("fill")
        result = await naq.fetch_job_result(job, config=server.url, timeout=10)
        assert len(result) == 100_000
        worker.stop()
        await working
        await naq.close_all_connections()


async def test_the_jobs_of_a_killed_worker_run_elsewhere(url: str, tmp_path: Path) -> None:
    (tmp_path / "slow_tasks.py").write_text(
        "import pathlib, time\n"
        "def touch(name):\n"
        "    with open(name, 'a') as file: file.write('x')\n"
        "    time.sleep(0.5)\n",
        encoding="utf-8",
    )
    names = [str(tmp_path / f"job-{number}") for number in range(6)]
    await Queue(config=url).enqueue_many(Job("slow_tasks:touch", (name,)) for name in names)

    def start(*words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", "from naq.cli.main import main; main()", "worker"]
        return subprocess.Popen(
            [*command, "--url", url, "--ack-wait", "1", "--concurrency", "3", *words],
            cwd=tmp_path,
            stderr=subprocess.DEVNULL,
        )

    with start() as first:
        async with asyncio.timeout(20):
            while not Path(names[0]).exists():  # noqa: ASYNC110, ASYNC240
                await asyncio.sleep(0.01)
        first.send_signal(signal.SIGKILL)
    with start("--burst") as second:
        assert await asyncio.to_thread(second.wait, 30) == 0
    stored = await Results(url).list_results()
    assert len(stored) == 6
    assert not any(info.failed for info in stored)


async def test_a_job_that_kills_its_workers_fails_in_the_end(url: str) -> None:
    job = await Queue(config=url).enqueue("os:_exit", 1)
    command = [sys.executable, "-c", "from naq.cli.main import main; main()", "worker", "--burst"]
    codes = []
    for _ in range(6):
        process = await asyncio.create_subprocess_exec(
            *command, "--url", url, "--ack-wait", "0.5", stderr=subprocess.DEVNULL
        )
        codes.append(await asyncio.wait_for(process.wait(), 30))
        if codes[-1] == 0:
            break
    assert codes[0] == 1
    assert codes[-1] == 0
    info = await naq.get_job(job.job_id, url)
    assert info is not None
    assert "workers died while running it alone" in str(info.failure)


@pytest.fixture
def cluster() -> Iterator[list[NatsServer]]:
    """Three nats-servers on the loopback interface, one JetStream cluster."""
    ports = _free_ports(3)
    routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in ports)
    with ExitStack() as stack:
        servers = []
        for number, port in enumerate(ports):
            directory = Path(stack.enter_context(TemporaryDirectory(prefix="naq-cluster-")))
            options = (
                f'server_name: "n{number}"\n'
                f'cluster {{ name: "naq", listen: "127.0.0.1:{port}", routes: [{routes}] }}'
            )
            server = NatsServer(directory, options=options)
            server.start()
            stack.callback(server.stop)
            servers.append(server)
        yield servers


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


async def test_a_cluster_loses_nothing_when_its_leader_is_killed(
    cluster: list[NatsServer],
) -> None:
    config = Config(servers=tuple(server.url for server in cluster), replicas=3)
    where.append(config)
    async with asyncio.timeout(30):
        while True:
            with suppress(*OUTAGE):
                await ensure_buckets(config)
                break
            await asyncio.sleep(0.2)
    worker = Worker(config=config, ack_wait=5)
    working = asyncio.create_task(worker.run())
    acknowledged: list[str] = []
    enqueuing = asyncio.create_task(enqueue_through_outages(config, 600, acknowledged))
    await asyncio.sleep(1)
    async with naq.nats_jetstream(config) as (_, js):
        info = await js.stream_info("naq_jobs")
        assert info.cluster is not None
        leader = int((info.cluster.leader or "n0")[1:])
        assert info.config.num_replicas == 3
    cluster[leader].kill()
    async with asyncio.timeout(60):
        await enqueuing
    await until_all_have_results(config, acknowledged)
    worker.stop()
    await working
    assert len(acknowledged) == 600
    assert run_again_although_stored == []
    await naq.close_all_connections()
