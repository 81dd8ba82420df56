"""Strict and weighted order of queues, on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from naq.models import Job
from naq.queue import Queue, queue_sizes
from naq.server import NatsServer
from naq.worker import Worker

started: list[str] = []
Eventually = Callable[[Callable[[], bool]], Awaitable[None]]


@pytest.fixture(autouse=True)
def _fresh() -> None:
    started.clear()


async def quick(queue: str) -> None:
    started.append(queue)


async def slow(queue: str) -> None:
    started.append(queue)
    await asyncio.sleep(0.02)


async def fill(url: str, function: Any, count: int, *queues: str) -> None:
    jobs = [Job(function, (queue,), queue=queue) for _ in range(count) for queue in queues]
    await Queue(config=url).enqueue_many(jobs)


@pytest.mark.parametrize(
    ("function", "count", "settings"),
    [(quick, 500, {}), (quick, 500, {"prefetch": 100}), (slow, 40, {"prefetch": 0})],
)
async def test_strict_order_serves_a_queue_when_those_before_it_are_empty(
    url: str, function: Any, count: int, settings: dict[str, Any]
) -> None:
    await fill(url, function, count, "lo", "mid", "hi")
    worker = Worker(["hi", "mid", "lo"], url, order="strict", burst=True, concurrency=4, **settings)
    await worker.run()
    assert started == ["hi"] * count + ["mid"] * count + ["lo"] * count


@pytest.mark.parametrize("prefetch", [0, 100])
async def test_in_strict_order_a_job_overtakes_those_that_wait_in_the_worker(
    url: str, prefetch: int, eventually: Eventually
) -> None:
    await fill(url, slow, 150, "lo")
    worker = Worker(["hi", "lo"], url, order="strict", concurrency=2, prefetch=prefetch)
    running = asyncio.create_task(worker.run())
    await eventually(lambda: len(started) >= 10)
    await fill(url, slow, 50, "hi")
    before = len(started)
    await eventually(lambda: "hi" in started)
    # Two may have begun while the jobs were on their way; a third in the same moment.
    assert started.index("hi") <= before + 4
    await eventually(lambda: started.count("hi") == 50)
    first = started.index("hi")
    assert started[first : first + 50] == ["hi"] * 50
    worker.stop()
    await running


@pytest.mark.parametrize(
    ("function", "count", "settings"),
    [(quick, 1000, {}), (slow, 100, {"prefetch": 0}), (slow, 100, {"prefetch": 20})],
)
async def test_weighted_order_gives_each_queue_its_share(
    url: str, function: Any, count: int, settings: dict[str, Any]
) -> None:
    await fill(url, function, count, "lo", "hi")
    worker = Worker({"hi": 3, "lo": 1}, url, burst=True, concurrency=4, **settings)
    await worker.run()
    both = started[: count * 5 // 4]  # while both have jobs
    assert 0.65 <= both.count("hi") / len(both) <= 0.85
    assert len(started) == 2 * count


@pytest.mark.parametrize("queues", [{"hi": 9, "lo": 1}, ["hi", "lo"]])
async def test_an_empty_queue_leaves_its_slots_to_the_others(url: str, queues: Any) -> None:
    order: Any = None if isinstance(queues, dict) else "strict"
    await fill(url, slow, 40, "lo")
    loop = asyncio.get_running_loop()
    worker = Worker(queues, url, order=order, burst=True, concurrency=10, prefetch=0)
    began = loop.time()
    await worker.run()
    assert started == ["lo"] * 40
    assert loop.time() - began < 8


@pytest.mark.parametrize("queues", [{"hi": 9, "lo": 1}, ["hi", "lo"]])
async def test_a_job_that_comes_to_idle_queues_starts_at_once(
    url: str, queues: Any, eventually: Eventually
) -> None:
    order: Any = None if isinstance(queues, dict) else "strict"
    worker = Worker(queues, url, order=order)
    running = asyncio.create_task(worker.run())
    await asyncio.sleep(0.5)
    for queue in ("lo", "hi", "lo", "lo", "hi"):
        count = len(started)
        await fill(url, quick, 1, queue)
        await eventually(lambda count=count: len(started) > count)  # type: ignore[misc]
    assert started == ["lo", "hi", "lo", "lo", "hi"]
    worker.stop()
    await running


@pytest.mark.parametrize("queues", [{"hi": 3, "lo": 1}, ["hi", "lo"]])
async def test_the_order_holds_over_an_outage_and_nothing_is_lost(
    nats_server: NatsServer, url: str, queues: Any, eventually: Eventually
) -> None:
    order: Any = None if isinstance(queues, dict) else "strict"
    await fill(url, slow, 100, "lo", "hi")
    worker = Worker(queues, url, order=order, concurrency=5, ack_wait=2)
    running = asyncio.create_task(worker.run())
    await eventually(lambda: len(started) > 20)
    nats_server.kill()
    nats_server.start()
    async with asyncio.timeout(60):
        while worker.completed < 200:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        # What was acknowledged during the outage comes again, and is found to be done.
        while await queue_sizes(url):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    worker.stop()
    await running
