"""Oversized data fails with its size and does not affect other jobs."""

from __future__ import annotations

import asyncio
import os

import pytest

import naq
from naq.exceptions import JobFailedError

MAX = 1 << 20


async def neighbour() -> str:
    await asyncio.sleep(0.3)
    return "fine"


def bytes_of(size: int) -> bytes:
    return os.urandom(size)


@pytest.mark.parametrize("below", [0, 20, 40])
async def test_a_result_that_does_not_fit_fails_its_job_and_nobody_else(
    url: str, below: int
) -> None:
    """A pickle of bytes has about 14 bytes more; with the headers it is too large by a few."""
    neighbours = [await naq.enqueue(neighbour, config=url) for _ in range(5)]
    job = await naq.enqueue(bytes_of, MAX - below, config=url)
    worker = naq.Worker(config=url)
    running = asyncio.create_task(worker.run())
    async with naq.nats_connection(url) as lease:
        with pytest.raises(JobFailedError, match=rf"ResultError: .* the server takes {MAX}"):
            await naq.fetch_job_result(job, config=url, timeout=10)
        for each in neighbours:
            assert await naq.fetch_job_result(each, config=url, timeout=10) == "fine"
        assert lease.stats["reconnects"] == 0
        assert lease.is_connected
    worker.stop()
    await running
    assert (worker.completed, worker.failed) == (5, 1)


BESIDE = 500
"""Bytes that a result leaves to the name of its job, its times, and the frames of its pickle."""


async def test_the_largest_result_that_fits_is_stored(url: str) -> None:
    job = await naq.enqueue(bytes_of, MAX - BESIDE, config=url)
    await naq.Worker(config=url, burst=True).run()
    assert len(await naq.fetch_job_result(job, config=url, timeout=0)) == MAX - BESIDE
