"""naq's own buckets: made once, listed whole."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, tzinfo
from typing import Self

import pytest

from naq.buckets import ensure_buckets, entries, watching
from naq.config import Config
from naq.connection import nats_jetstream, nats_kv_store
from naq.models import WORKER_STATUS
from naq.names import Names
from naq.results import Results
from naq.server import NatsServer
from naq.worker.status import WorkerStatusManager


async def test_buckets_are_made_once(nats_server: NatsServer) -> None:
    await asyncio.gather(*(ensure_buckets(nats_server.url) for _ in range(5)))
    await ensure_buckets(nats_server.url)
    async with nats_jetstream(nats_server.url) as (_, js):
        assert (await js.account_info()).streams == len(Names().buckets)


async def test_a_bucket_that_was_made_otherwise_is_left_as_it_is(nats_server: NatsServer) -> None:
    async with nats_jetstream(nats_server.url) as (_, js):
        await js.create_key_value(bucket=Names().job_results, ttl=60, history=5)
        await ensure_buckets(nats_server.url)
        status = await (await js.key_value(Names().job_results)).status()
        assert (status.ttl, status.history) == (60, 5)


class _Ahead(datetime):
    """The clock of a machine that is an hour ahead of the server."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return super().now(tz) + timedelta(hours=1)


async def test_a_clock_that_is_wrong_makes_nothing_old(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("naq.buckets", "naq.results", "naq.worker.status"):
        monkeypatch.setattr(f"{module}.datetime", _Ahead)
    await WorkerStatusManager(config).update_worker_status("w1", WORKER_STATUS.IDLE)
    await Results(config).store_result("j1", 1)
    assert [w.stale for w in await WorkerStatusManager(config).list_workers()] == [False]
    assert await Results(config).cleanup_old_results(max_age_hours=0.5) == 0


@pytest.fixture
async def config(nats_server: NatsServer) -> Config:
    await ensure_buckets(nats_server.url)
    return Config(servers=(nats_server.url,))


async def test_a_listing_has_every_live_entry(config: Config) -> None:
    async with nats_kv_store(Names().job_results, config) as kv:
        for number in range(20):
            await kv.put(f"j{number:02}", b"%d" % number)
        for number in range(0, 20, 2):
            await kv.delete(f"j{number:02}")
        found = await entries(kv)
    assert {key: entry.value for key, entry in found.items()} == {
        f"j{number:02}": b"%d" % number for number in range(1, 20, 2)
    }


async def test_an_empty_bucket_has_no_entries(config: Config) -> None:
    async with nats_kv_store(Names().job_results, config) as kv:
        assert await entries(kv) == {}
        await kv.put("gone", b"")
        await kv.delete("gone")
        assert await entries(kv) == {}


async def test_a_listing_may_leave_the_values_behind(config: Config) -> None:
    async with nats_kv_store(Names().job_results, config) as kv:
        await kv.put("j", b"value")
        assert not (await entries(kv, meta_only=True))["j"].value


async def test_no_listing_of_many_at_once_is_cut_short(config: Config) -> None:
    async def listing() -> int:
        async with nats_kv_store(Names().job_results, config) as kv:
            return len(await entries(kv))

    async with nats_kv_store(Names().job_results, config) as kv:
        for number in range(3):
            await kv.put(f"j{number}", b"value")
    for _ in range(20):
        assert set(await asyncio.gather(*(listing() for _ in range(20)))) == {3}


async def test_a_watch_leaves_no_consumer_behind(config: Config) -> None:
    async with nats_kv_store(Names().job_results, config) as kv:
        for _ in range(10):
            async with watching(kv) as watcher:
                assert await anext(aiter(watcher)) is None
            await entries(kv)
    async with nats_jetstream(config) as (_, js):
        async with asyncio.timeout(4):  # an idle consumer would go by itself after 5 s
            while True:
                if not await js.consumers_info(f"KV_{Names().job_results}"):
                    break
                await asyncio.sleep(0.01)


async def test_more_may_wait_for_results_than_a_server_allows_consumers(config: Config) -> None:
    results = Results(config)
    waiting = [
        asyncio.create_task(results.fetch_job_result(f"j{number}", timeout=60))
        for number in range(1500)
    ]
    await asyncio.sleep(0.5)
    await asyncio.gather(*(results.store_result(f"j{n}", n) for n in range(1500)))
    assert await asyncio.gather(*waiting) == list(range(1500))
