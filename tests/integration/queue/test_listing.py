"""Listing jobs of any state, and one of them with its history."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import nats
import pytest

import naq
from naq.connection import nats_jetstream
from naq.exceptions import JobError, NaqError
from naq.inspection import JobPage, job_details, list_jobs
from naq.models.record import JobRecord
from naq.models.status import JOB_STATUS
from naq.names import Names, kv_subject
from naq.server import NatsServer


async def work(url: str, *queues: str) -> None:
    await naq.Worker(queues or "default", config=url, burst=True, worker_id="w").run()


def ids(page: JobPage) -> list[str]:
    return [each.job_id for each in page.jobs]


async def sleep(seconds: float) -> None:
    await asyncio.sleep(seconds)


async def each_state(url: str) -> None:
    """Leave a job in each state; the job's id is the state."""
    await naq.enqueue("math:sqrt", 4, job_id="completed", config=url)
    await work(url)
    await naq.enqueue("math:sqrt", -1, job_id="failed", config=url)
    await work(url)
    await naq.enqueue("math:sqrt", 4, job_id="cancelled", config=url)
    await naq.cancel_job("cancelled", url)
    await naq.enqueue_in(3600, "math:sqrt", 4, job_id="scheduled", config=url)
    await naq.enqueue("math:sqrt", 4, job_id="waiting", depends_on="queued", config=url)
    await naq.enqueue("math:sqrt", 4, queue="a.b", job_id="queued", config=url)


async def test_jobs_of_every_state_are_listed_the_newest_first(url: str) -> None:
    await each_state(url)
    page = await list_jobs(url)
    assert [(each.job_id, each.status.value) for each in page.jobs] == [
        (name, name)
        for name in ("queued", "waiting", "scheduled", "cancelled", "failed", "completed")
    ]
    assert (page.next, page.searched_to) == (None, None)
    for state in JOB_STATUS:
        assert ids(await list_jobs(url, states=[state])) in ([state.value], [])
    assert ids(await list_jobs(url, states=["failed", "queued"])) == ["queued", "failed"]


async def test_every_job_is_listed_with_its_arguments(url: str) -> None:
    await each_state(url)
    shown = {each.job_id: str(each.arguments) for each in (await list_jobs(url)).jobs}
    assert set(shown.values()) == {"4", "-1"}


async def test_a_running_and_a_retrying_job_are_listed(url: str) -> None:
    await naq.enqueue(sleep, 30, job_id="runs", config=url)
    await naq.enqueue("math:sqrt", -1, job_id="fails", retries=3, retry=30, config=url)
    await naq.enqueue(sleep, 30, job_id="waits", config=url)
    worker = naq.Worker(config=url, concurrency=2, shutdown_timeout=0.1)
    running = asyncio.create_task(worker.run())
    async with asyncio.timeout(20):
        while True:
            if set(ids(await list_jobs(url, states=["running"]))) == {"runs", "waits"}:
                break
            await asyncio.sleep(0.05)
    (retrying,) = (await list_jobs(url, states=["retrying"])).jobs
    assert (retrying.job_id, retrying.failures) == ("fails", 1)
    states = {each.job_id: each.status.value for each in (await list_jobs(url)).jobs}
    assert states == {"runs": "running", "waits": "running", "fails": "retrying"}
    worker.stop()
    worker.stop()
    await running


async def test_pages_show_each_job_once(url: str) -> None:
    jobs = [naq.Job("math:sqrt", (n,), job_id=f"j{n:03}") for n in range(60)]
    await naq.enqueue_many(jobs[:30], config=url)
    await work(url)
    await naq.enqueue_many(jobs[30:], config=url)
    found: list[str] = []
    page = await list_jobs(url, limit=7)
    while True:
        found += ids(page)
        if page.next is None:
            break
        page = await list_jobs(url, limit=7, page=page.next)
    assert len(found) == len(set(found)) == 60
    assert found[:30] == [f"j{n:03}" for n in range(59, 29, -1)]


async def test_a_page_stays_where_it_is_when_jobs_come_in(url: str) -> None:
    await naq.enqueue_many([naq.Job("a:b", job_id=f"j{n}") for n in range(6)], config=url)
    first = await list_jobs(url, limit=3)
    await naq.enqueue("a:b", job_id="new", config=url)
    second = await list_jobs(url, limit=3, page=first.next)
    assert (ids(first), ids(second)) == (["j5", "j4", "j3"], ["j2", "j1", "j0"])


async def test_filters_by_queue_task_and_time(url: str) -> None:
    await each_state(url)
    start = datetime.now(UTC)
    await naq.enqueue("app.tasks:send", queue="ü.b c", job_id="late", config=url)
    assert ids(await list_jobs(url, queue="a.b")) == ["queued"]
    assert ids(await list_jobs(url, queue="ü.b c")) == ["late"]
    assert ids(await list_jobs(url, task="app.*")) == ["late"]
    assert len(ids(await list_jobs(url, task="math:sqrt"))) == 6
    assert ids(await list_jobs(url, since=start)) == ["late"]
    assert ids(await list_jobs(url, since=start + timedelta(days=1))) == []


async def test_a_bad_entry_hides_no_other(url: str) -> None:
    await each_state(url)
    names = Names()
    async with nats_jetstream(url) as (_, js):
        for bucket in (
            names.failed_jobs,
            names.waiting_jobs,
            names.scheduled_jobs,
            names.job_results,
            names.job_status,
        ):
            await js.publish(kv_subject(bucket, "bad"), b"\xff")
        await js.publish(f"{names.job_subjects}.default.bad", b"\xff")
    assert len({"bad", *ids(await list_jobs(url))}) == 7


@pytest.mark.parametrize("state", [None, "queued", "running"])
async def test_a_job_of_a_newer_worker_hides_no_other(url: str, state: str | None) -> None:
    await each_state(url)
    names = Names()
    async with nats_jetstream(url) as (_, js):
        await js.publish(names.job_subject("default", "newer"), b'{"naq":2,"limit":{"key":"x"}}\n')
        record = JobRecord(status=JOB_STATUS.RUNNING, queue="default")
        await js.publish(kv_subject(names.job_status, "newer"), record.serialize())
    shown = ids(await list_jobs(url, states=[state] if state else ()))
    assert len(shown) == {None: 6, "queued": 1, "running": 0}[state]


async def test_an_empty_server_has_no_jobs(url: str) -> None:
    assert await list_jobs(url) == JobPage([])


@pytest.mark.parametrize(
    "wrong", [{"limit": 0}, {"limit": 1001}, {"page": "x"}, {"page": "z1"}, {"states": ["odd"]}]
)
async def test_what_makes_no_sense_is_refused(url: str, wrong: dict[str, object]) -> None:
    with pytest.raises(JobError):
        await list_jobs(url, **wrong)  # type: ignore[arg-type]


async def test_the_first_page_of_many_costs_what_that_of_few_does(url: str) -> None:
    async def first_page() -> float:
        times = []
        for _ in range(7):
            begin = time.perf_counter()
            assert len((await list_jobs(url, limit=50)).jobs) == 50
            times.append(time.perf_counter() - begin)
        return min(times)

    await naq.enqueue_many((naq.Job("a:b", (n,)) for n in range(100)), config=url)
    few = await first_page()
    await naq.enqueue_many((naq.Job("a:b", (n,)) for n in range(20_000)), config=url)
    assert await first_page() < 3 * few + 0.01


async def test_a_search_stops_and_shows_how_far_it_has_looked(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("naq.inspection.listing.MOST_LOOKED_AT", 100)
    await naq.enqueue("rare:one", job_id="old", config=url)
    await naq.enqueue_many((naq.Job("a:b") for _ in range(500)), config=url)
    page = await list_jobs(url, task="rare:*", limit=10)
    assert (page.jobs, page.searched_to is not None) == ([], True)
    pages = 1
    while page.next is not None and not page.jobs:
        page = await list_jobs(url, task="rare:*", limit=10, page=page.next)
        pages += 1
    assert ids(page) == ["old"]
    assert 1 < pages <= 6


async def test_details_of_a_failed_job(url: str) -> None:
    await naq.enqueue(fail, "here", job_id="j", retries=1, config=url)
    await work(url)
    details = await job_details("j", url)
    assert details is not None
    assert details.frame is not None
    assert (details.frame.file, details.frame.function) == (__file__, "fail")
    assert [event.type for event in details.events] == ["job.retrying", "job.failed"]
    described = details.describe()
    assert described["arguments"]["args"] == ["'here'"]
    assert (described["attempts"], described["worker"]) == (2, "w")


def fail(text: str) -> None:
    raise ValueError(text)


@pytest.mark.parametrize("serializer", ["json", "cloudpickle"])
async def test_details_of_a_completed_job_have_its_result(url: str, serializer: str) -> None:
    await naq.enqueue("builtins:dict", a=[1], job_id="j", serializer=serializer, config=url)
    await work(url)
    details = await job_details("j", url)
    assert details is not None
    assert (details.result, details.hidden) == ("{'a': [1]}", "")


async def test_a_result_that_may_run_code_is_not_read(url: str) -> None:
    await naq.enqueue("fractions:Fraction", 1, 3, job_id="j", config=url)
    await work(url)
    details = await job_details("j", url)
    assert details is not None
    assert (details.result, "may run code" in details.hidden) == (None, True)


async def test_nothing_is_known_of_an_unknown_job(url: str) -> None:
    assert await job_details("none", url) is None


async def test_a_bucket_that_allows_no_direct_gets_is_named(nats_server: NatsServer) -> None:
    async with await nats.connect(nats_server.url) as nc:
        await nc.jetstream().create_key_value(bucket="failed_jobs", direct=False)
    with pytest.raises(NaqError, match="KV_failed_jobs allows no direct gets"):
        await list_jobs(nats_server.url, states=["failed"])
