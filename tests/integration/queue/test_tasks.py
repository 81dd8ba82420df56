"""Tasks on a real server: enqueued, run, and their results read."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import naq
import naq.sync
from naq.buckets import ensure_buckets
from naq.exceptions import JobCancelledError, JobError, JobFailedError, SerializationError
from naq.models.status import Enqueued
from naq.server import NatsServer

ME = __name__


@dataclasses.dataclass
class Receipt:
    to: str
    at: dt.datetime
    attempt: int = 1


@naq.task(queue="mail", retries=2, retry=0)
async def send(to: str, at: dt.datetime) -> Receipt:
    job = naq.current_job()
    assert job is not None
    if job.attempt == 1 and to == "second":
        raise ConnectionError
    return Receipt(to, at, job.attempt)


@naq.task
def double(number: int) -> int:
    return 2 * number


@naq.task
def total(first: int, second: int | None, *, more: int = 0) -> int:
    return first + (second or 0) + more


@naq.task
def year_of(receipt: Receipt) -> int:
    return receipt.at.year


@naq.task
async def twice(number: int) -> int:
    """Call one task, enqueue another."""
    await double.options(config=naq.Config(servers=(os.environ[f"{ME}.url"],))).enqueue(number)
    return double(number)


@naq.task
def wrong() -> int:
    return "no number"  # type: ignore[return-value]


@naq.task(serializer="cloudpickle")
def stays_pickled(path: Path) -> Path:
    return path / "x"


def plain(number: int) -> int:
    return number


@pytest.fixture
async def url(nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    monkeypatch.setenv("NAQ_SERVERS", nats_server.url)
    monkeypatch.setenv(f"{ME}.url", nats_server.url)
    yield nats_server.url
    await naq.close_all_connections()


async def work(url: str, **settings: Any) -> None:
    async with asyncio.timeout(30):
        await naq.Worker(config=url, burst=True, **{"allow": [ME], **settings}).run()


async def test_a_handle_gives_the_result_as_its_type(url: str) -> None:
    at = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
    handle = await send.options(config=url).enqueue("x", at=at)
    assert (handle.enqueued, await handle.status()) == (Enqueued.NEW, "queued")
    await work(url)
    assert await handle.result(timeout=1) == Receipt("x", at)
    assert await handle.status() == "completed"
    info = await handle.info()
    assert info is not None
    assert info.status == "completed"


async def test_the_settings_of_the_task_are_those_of_its_jobs(url: str) -> None:
    handle = await send.options(config=url).enqueue("second", dt.datetime(2026, 1, 1))
    await work(url)
    assert (await handle.result(timeout=1)).attempt == 2


async def test_a_handle_can_be_made_of_an_id(url: str) -> None:
    await double.options(config=url, job_id="a").enqueue(4)
    await work(url)
    assert await double.handle("a", config=url).result(timeout=0) == 8
    assert await double.handle("none", config=url).status() is None


async def test_a_handle_cancels_its_job(url: str) -> None:
    handle = await double.options(config=url, delay=60).enqueue(4)
    assert await handle.status() == "scheduled"
    assert await handle.cancel()
    assert await handle.status() == "cancelled"
    with pytest.raises(JobCancelledError):
        await handle.result(timeout=1)


async def test_a_job_can_be_enqueued_again_by_its_options(url: str) -> None:
    options = double.options(config=url, job_id="a")
    assert (await options.enqueue(4)).enqueued is Enqueued.NEW
    assert (await options.enqueue(4)).enqueued is Enqueued.QUEUED
    await work(url)
    assert (await options.enqueue(4)).enqueued is Enqueued.DONE
    assert (await options.options(again=True).enqueue(4)).enqueued is Enqueued.NEW


async def test_jobs_of_tasks_go_in_together(url: str) -> None:
    jobs = [double.options(job_id=f"j{number}").job(number) for number in range(50)]
    assert await naq.enqueue_many(jobs, config=url) == 50
    await work(url)
    results = [await double.handle(job.job_id, config=url).result(timeout=1) for job in jobs]
    assert results == [2 * number for number in range(50)]


async def test_a_task_can_be_scheduled(url: str) -> None:
    options = double.options(config=url, job_id="nightly", cron="0 3 * * *", timezone="Asia/Tokyo")
    await options.schedule(4)
    (schedule,) = await naq.list_schedules(config=url)
    assert (schedule.job_id, schedule.cron, schedule.timezone) == (
        "nightly", "0 3 * * *", "Asia/Tokyo",
    )  # fmt: skip


async def test_naq_enqueue_takes_a_task_with_its_settings_and_its_json(url: str) -> None:
    job = await naq.enqueue(send, "x", dt.datetime(2026, 1, 1), config=url, job_id="a")
    assert (job.queue, job.retries, job.serializer) == ("mail", 2, "typed")
    named = await naq.enqueue(f"{ME}:double", 4, serializer="json", config=url)
    await work(url)
    assert (await send.handle("a", config=url).result(timeout=0)).to == "x"
    assert await double.handle(named.job_id, config=url).result(timeout=0) == 8


@pytest.mark.parametrize("isolated", [False, True])
async def test_results_of_parents_arrive_by_the_annotations_of_the_child(
    url: str, isolated: bool
) -> None:
    parent = await send.options(config=url).enqueue("x", dt.datetime(2026, 1, 1))
    child = await year_of.options(
        config=url, depends_on=[parent], pass_results=True, isolated=isolated
    ).enqueue()  # type: ignore[call-arg]
    await work(url)
    assert await child.result(timeout=5) == 2026


async def test_a_parent_may_be_a_plain_function(url: str) -> None:
    pickled = await naq.enqueue(plain, 3, config=url)
    written = await naq.enqueue(plain, 4, config=url, serializer="json")
    options = total.options(config=url, depends_on=[pickled, written], pass_results=True)
    child = await options.enqueue(more=1)  # type: ignore[call-arg]
    await work(url, allow=None)
    assert await child.result(timeout=1) == 8


async def test_a_task_may_call_one_and_enqueue_another(url: str) -> None:
    handle = await twice.options(config=url).enqueue(4)
    await work(url)
    assert await handle.result(timeout=1) == 8


async def test_a_result_that_does_not_fit_its_annotation_fails_the_job(url: str) -> None:
    handle = await wrong.options(config=url).enqueue()
    await work(url)
    with pytest.raises(JobFailedError, match="wrong: the result: expected int, got str"):
        await handle.result(timeout=1)


async def test_a_stored_result_of_another_type_is_refused_by_its_reader(url: str) -> None:
    await ensure_buckets(url)
    await naq.Results(url, serializer="json").store_result("a", "text")
    with pytest.raises(SerializationError, match=r"result of job a is not read: .*expected int"):
        await double.handle("a", config=url).result(timeout=0)


async def test_arguments_that_do_not_fit_fail_the_job_by_name(url: str) -> None:
    await naq.enqueue(f"{ME}:double", "x", serializer="json", job_id="a", config=url)
    await work(url)
    with pytest.raises(JobFailedError, match="double: argument number: expected int, got str"):
        await double.handle("a", config=url).result(timeout=0)


async def test_a_typed_job_of_a_plain_function_fails_instead_of_being_misread(url: str) -> None:
    job = naq.Job(f"{ME}:plain", (), {"number": 3}, serializer="typed", job_id="a")
    await naq.enqueue(job, config=url)
    await work(url)
    with pytest.raises(JobFailedError, match="plain has no typed arguments here"):
        await naq.fetch_job_result("a", config=url)


async def test_a_worker_with_a_list_reads_pickle_for_the_tasks_that_ask_for_it_only(
    url: str,
) -> None:
    asked = await stays_pickled.options(config=url).enqueue(Path("/a"))
    forged = await naq.enqueue(f"{ME}:double", 4, config=url)
    await work(url)
    assert await asked.result(timeout=1) == Path("/a/x")
    with pytest.raises(JobFailedError, match="reads no cloudpickle jobs"):
        await naq.fetch_job_result(forged, config=url)


async def test_a_worker_serves_the_queues_that_its_tasks_name(url: str) -> None:
    assert naq.Worker(config=url, allow=[ME]).queues == ("default", "mail")
    assert naq.Worker(config=url, allow=[f"{ME}:send"]).queues == ("mail",)
    assert naq.Worker(config=url, allow=["math"]).queues == ("default",)
    assert naq.Worker("other", url, allow=[ME]).queues == ("other",)


def test_a_worker_does_not_start_with_a_task_whose_annotation_json_cannot_carry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bad_tasks.py").write_text(
        "import naq\n@naq.task\ndef f(path: complex) -> None: ...\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(JobError, match="task bad_tasks:f: parameter path: JSON has no form for"):
        naq.Worker(allow=["bad_tasks"])


APP = """
import datetime as dt
import naq

class Reversed:
    name = "reversed"
    def dumps(self, value): return repr(value).encode()[::-1]
    def loads(self, data): return eval(data[::-1])

@naq.task(queue="mail")
def day_after(day: dt.date) -> dt.date:
    return day + dt.timedelta(days=1)

@naq.task(serializer=Reversed())
def shout(text: str) -> str:
    return text.upper()
"""


def test_naq_worker_runs_the_tasks_of_a_module_with_their_queues_and_serializers(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text(APP, encoding="utf-8")
    client = """
import datetime as dt, naq.sync, app
one = naq.sync.task(app.day_after).enqueue(dt.date(2026, 1, 31))
two = naq.sync.task(app.shout).enqueue("hello")
print(one.result(timeout=30), two.result(timeout=30), one.status())
"""
    environment = {**os.environ, "NAQ_SERVERS": nats_server.url, "PYTHONPATH": str(tmp_path)}
    naq_ = [sys.executable, "-c", "from naq.cli.main import main; main()"]
    with subprocess.Popen([*naq_, "worker", "app"], cwd=tmp_path, env=environment) as worker:
        try:
            done = subprocess.run(
                [sys.executable, "-c", client],
                cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
            )  # fmt: skip
        finally:
            worker.terminate()
    assert (done.stdout, done.stderr) == ("2026-02-01 HELLO completed\n", "")


async def test_naq_sync_offers_the_same(url: str) -> None:
    def use() -> None:
        view = naq.sync.task(double)
        handle = view.options(config=url).enqueue(4)
        assert repr(handle) == repr(double.handle(handle.job_id, config=url))
        naq.sync.run(naq.Worker(config=url, burst=True).run())
        assert handle.result(timeout=1) == 8
        assert handle.status() == "completed"
        later = view.options(config=url, delay=60).enqueue(4)
        assert later.cancel()
        assert view.handle(later.job_id, config=url).status() == "cancelled"
        assert view.options(config=url, interval=60).schedule(4).job_id
        naq.sync.close()

    await asyncio.to_thread(use)
