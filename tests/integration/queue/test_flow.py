"""Jobs after jobs: chains, groups, and results handed on."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

import naq
import naq.sync
from naq.exceptions import JobCancelledError, JobError, JobFailedError, ResultTimeoutError
from naq.server import NatsServer

ME = __name__


@naq.task
def number(value: int, *, add: int = 0) -> int:
    if value < 0:
        raise ValueError(f"no {value}")
    return value + add


@naq.task
async def total(values: list[int | None], start: int = 0) -> int:
    return sum(value or 0 for value in values) + start


@naq.task
def spread(values: list[int], *, at: dt.date) -> tuple[int, dt.date]:
    return len(values), at


@naq.task
def difference(left: int, right: int) -> int:
    return left - right


@naq.task
def mixed(first: int | None, many: list[int], last: list[int]) -> list[int]:
    return [first or 0, *many, *last]


@naq.task(serializer="cloudpickle")
def pickled(values: list[int], more: int) -> complex:
    return complex(sum(values), more)


@naq.task
async def waits(seconds: float) -> None:
    await asyncio.sleep(seconds)


@pytest.fixture
async def url(nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    naq.configure(naq.Config(servers=(nats_server.url,)))
    yield nats_server.url
    await naq.close_all_connections()
    naq.configure()


async def work(url: str, workers: int = 1, **settings: Any) -> None:
    async with asyncio.timeout(60):
        settings = {"allow": [ME], "burst": True, **settings}
        await asyncio.gather(*(naq.Worker(config=url, **settings).run() for _ in range(workers)))


async def test_a_chain_hands_each_result_to_the_next(url: str) -> None:
    first = await number.enqueue(1)
    second = await number.after(first).enqueue(add=10)
    third = await difference.after(second).enqueue(1)
    await work(url)
    assert await naq.gather(first, second, third, timeout=5) == (1, 11, 10)


async def test_a_job_after_two_gets_both_results_in_their_order(url: str) -> None:
    left, right = await number.enqueue(7), await number.enqueue(2)
    made = await difference.after(left, right).enqueue()
    other = await difference.after(right, left).enqueue()
    await work(url)
    assert await naq.gather(made, other, timeout=5) == (5, -5)


async def test_map_makes_a_group_whose_results_are_in_the_order_of_the_items(url: str) -> None:
    group = await number.map([3, 1, 2], add=1)
    assert (len(group), await group.count_ended()) == (3, 0)
    await work(url)
    assert await group.results(timeout=5) == [4, 2, 3]
    assert await group[1].result(timeout=0) == 2
    assert await group[1:].results(timeout=0) == [2, 3]
    assert await group.count_ended() == 3


async def test_a_group_may_have_jobs_with_settings_of_their_own(url: str) -> None:
    group = await number.group([number.options(job_id="a").job(1), number.job(2, add=2)])
    assert group[0].job_id == "a"
    with pytest.raises(JobError, match="is of another task"):
        await number.group([difference.job(1, 2)])
    await work(url)
    assert await group.results(timeout=5) == [1, 4]


async def test_a_job_after_a_group_gets_its_results_as_a_list(url: str) -> None:
    made = await total.after(await number.map([1, 2, 3])).enqueue(start=10)
    await work(url)
    assert await made.result(timeout=5) == 16


async def test_a_group_may_be_empty(url: str) -> None:
    made = await total.after(await number.map([])).enqueue(start=10)
    await work(url)
    assert await made.result(timeout=5) == 10


async def test_handles_and_groups_can_be_mixed(url: str) -> None:
    one, many, last = await number.enqueue(1), await number.map([2, 3]), await number.map([4])
    made = await mixed.after(one, many, last).enqueue()  # type: ignore[call-overload]
    await work(url)
    assert await made.result(timeout=5) == [1, 2, 3, 4]


@pytest.mark.parametrize("isolated", [False, True])
async def test_a_pickled_task_gets_lists_too(url: str, isolated: bool) -> None:
    options = pickled.options(isolated=isolated)
    made = await options.after(await number.map([1, 2])).enqueue(5)
    await work(url)
    assert await made.result(timeout=5) == 3 + 5j


async def test_a_job_fails_with_the_first_of_its_group_that_fails(url: str) -> None:
    group = await number.map([1, -2, 3])
    made = await total.after(group).enqueue()
    after_it = await number.after(made).enqueue()
    await work(url)
    with pytest.raises(JobFailedError, match=r"ParentFailedError: .*did not succeed: .*no -2"):
        await made.result(timeout=5)
    with pytest.raises(JobFailedError, match=r"ParentFailedError: .*ParentFailedError"):
        await after_it.result(timeout=5)
    with pytest.raises(JobFailedError, match="ValueError: no -2"):
        await group.results(timeout=5)
    found = await group.results(timeout=5, return_exceptions=True)
    assert [str(each)[-5:] if isinstance(each, Exception) else each for each in found] == [
        1, "no -2", 3,
    ]  # fmt: skip


async def test_by_its_policy_a_job_runs_with_the_results_that_there_are(url: str) -> None:
    group = await number.map([1, -2, 3])
    made = await total.options(on_parent_failure="run").after(group).enqueue()
    cancelled = await total.options(on_parent_failure="cancel").after(group).enqueue()
    await work(url)
    assert await made.result(timeout=5) == 4
    with pytest.raises(JobCancelledError, match="did not succeed"):
        await cancelled.result(timeout=5)


async def test_a_group_is_cancelled_with_what_waits_for_it(url: str) -> None:
    group = await number.map([1, 2, 3])
    made = await total.after(group).enqueue()
    assert await group.cancel() == 3
    await work(url)
    assert await group.count_ended() == 3
    # Nobody saw them end: the worker that looks for it finds out.
    worker = naq.Worker(config=url, allow=[ME])
    running = asyncio.create_task(worker.run())
    with pytest.raises(JobFailedError, match=r"ParentFailedError"):
        await made.result(timeout=30)
    worker.stop()
    await running


async def test_after_takes_each_job_once_and_is_said_once(url: str) -> None:
    handle = await number.enqueue(1)
    with pytest.raises(JobError, match=r"after\(\) takes each job once"):
        difference.after(handle, handle)
    with pytest.raises(JobError, match=r"in one after\(\)"):
        difference.after(handle).after(handle)  # type: ignore[misc]


async def test_gather_has_one_timeout_for_all(url: str) -> None:
    group = await number.map(range(3))
    began = time.monotonic()
    with pytest.raises(ResultTimeoutError):
        await naq.gather(*group, timeout=0.2)
    assert time.monotonic() - began < 2
    found = await naq.gather(*group, timeout=0, return_exceptions=True)
    assert [type(each) for each in found] == [ResultTimeoutError] * 3
    assert await naq.gather() == ()


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_thousand_jobs_before_one_and_a_thousand_after_it(url: str, workers: int) -> None:
    group = await number.map(range(1000))
    made = await total.after(group).enqueue()
    fan = await number.group(number.after(made).job(add=n) for n in range(1000))
    stopping = [naq.Worker(config=url, allow=[ME]) for _ in range(workers)]
    running = [asyncio.create_task(worker.run()) for worker in stopping]
    assert await made.result(timeout=40) == sum(range(1000))
    assert await fan.results(timeout=40) == [sum(range(1000)) + n for n in range(1000)]
    for worker in stopping:
        worker.stop()
    await asyncio.gather(*running)


async def test_a_job_after_many_counts_those_that_keep_no_result(url: str) -> None:
    jobs = [number.options(keep_result=False).job(n) for n in range(40)]
    group = await number.group(jobs)
    made = await waits.options(depends_on=group).enqueue(0)
    await work(url)
    assert await made.status() == "completed"


def test_naq_sync_has_the_same_flow(nats_server: NatsServer) -> None:
    naq.configure(naq.Config(servers=(nats_server.url,)))
    plain, sums = naq.sync.task(number), naq.sync.task(total)
    group = plain.map([1, 2], add=1)
    made = sums.after(group).enqueue(start=5)
    chained = plain.after(made).enqueue()
    naq.sync.run(naq.Worker(allow=[ME], burst=True).run())
    assert naq.sync.gather(made, chained, timeout=5) == (10, 10)
    assert (group.results(timeout=0), group.count_ended(), group[0].result()) == ([2, 3], 2, 2)
    assert group.cancel() == 0
    naq.sync.close()
    naq.configure()


async def test_flow_runs_inline(naq_inline: Any) -> None:
    made = await total.after(await number.map([1, 2])).enqueue(start=5)
    assert await made.result() == 8
    failing = await total.after(await number.map([1, -2])).enqueue()
    with pytest.raises(JobFailedError, match="did not succeed"):
        await failing.result()
