"""Health, metrics and performance of connections."""

from __future__ import annotations

import asyncio
import gc

import pytest

from naq import connection
from naq.config import Config
from naq.connection import (
    ConnectionMonitor,
    get_connection_metrics,
    measure_connection_performance,
    nats_connection,
    nats_kv_store,
    reset_connection_metrics,
    wait_for_nats_connection,
)
from naq.connection.metrics import Uses
from naq.exceptions import NaqConnectionError
from naq.server import NatsServer, run_nats_server

NOWHERE = "nats://127.0.0.1:1"


async def test_a_server_that_answers_is_well(nats_server: NatsServer) -> None:
    assert await connection.test_nats_connection(nats_server.url)
    assert await connection.test_jetstream_connection(nats_server.url)


async def test_a_server_that_is_not_there_is_not_well() -> None:
    assert not await connection.test_nats_connection(NOWHERE)
    assert not await connection.test_jetstream_connection(NOWHERE)


async def test_a_server_without_jetstream_is_well_but_for_that() -> None:
    with run_nats_server(jetstream=False) as server:
        assert await connection.test_nats_connection(server.url)
        assert not await connection.test_jetstream_connection(server.url)
        await connection.close_all_connections()


def test_pytest_does_not_collect_them() -> None:
    assert not connection.test_nats_connection.__test__
    assert not connection.test_jetstream_connection.__test__


async def test_a_wait_ends_when_the_server_comes(nats_server: NatsServer) -> None:
    nats_server.kill()
    waiting = asyncio.create_task(wait_for_nats_connection(nats_server.url, interval=0.01))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    nats_server.start()
    assert await waiting


async def test_a_wait_ends_at_its_timeout() -> None:
    assert not await wait_for_nats_connection(NOWHERE, timeout=0.05, interval=0.01)


async def test_performance_is_measured_on_fresh_connections(nats_server: NatsServer) -> None:
    measured = await measure_connection_performance(nats_server.url, iterations=3)
    assert measured["success_rate"] == 1.0
    assert 0 < measured["min_time"] <= measured["average_time"] <= measured["max_time"]
    assert nats_server.monitor("varz")["total_connections"] == 3


async def test_the_performance_of_no_server_is_no_success() -> None:
    assert await measure_connection_performance(NOWHERE, iterations=2) == {
        "average_time": 0.0,
        "min_time": 0.0,
        "max_time": 0.0,
        "success_rate": 0.0,
    }


async def test_a_lease_is_one_use(nats_server: NatsServer) -> None:
    await reset_connection_metrics()
    async with nats_connection(nats_server.url):
        assert get_connection_metrics().active_connections == 1
    metrics = get_connection_metrics()
    assert metrics.total_connections == 1
    assert metrics.active_connections == 0
    assert metrics.successful_connections == 1
    assert metrics.total_connection_time == metrics.average_connection_time > 0


async def test_an_exclusive_connection_is_one_use(nats_server: NatsServer) -> None:
    await reset_connection_metrics()
    async with nats_connection(nats_server.url, exclusive=True):
        pass
    assert get_connection_metrics().successful_connections == 1


@pytest.mark.parametrize("exclusive", [False, True])
async def test_no_connection_is_a_failed_use(exclusive: bool) -> None:
    await reset_connection_metrics()
    with pytest.raises(NaqConnectionError):
        async with nats_connection(NOWHERE, exclusive=exclusive):
            pass
    metrics = get_connection_metrics()
    assert (metrics.failed_connections, metrics.active_connections) == (1, 0)


async def test_a_missing_bucket_is_a_failed_use(nats_server: NatsServer) -> None:
    config = Config(servers=(nats_server.url,))
    await reset_connection_metrics()
    with pytest.raises(Exception, match="colours"):
        async with nats_kv_store("colours", config):
            pass
    metrics = get_connection_metrics()
    assert (metrics.failed_connections, metrics.active_connections) == (1, 0)


async def test_a_monitor_counts() -> None:
    monitor = ConnectionMonitor()
    for _ in range(3):
        monitor.record_connection_start()
    monitor.record_connection_end(0.5)
    monitor.record_connection_failure()
    metrics = monitor.get_metrics()
    assert metrics.total_connections == 3
    assert metrics.active_connections == 1
    assert metrics.failed_connections == 1
    assert metrics.successful_connections == 1
    assert metrics.average_connection_time == 0.5


async def test_a_reset_keeps_what_goes_on() -> None:
    monitor = ConnectionMonitor()
    monitor.record_connection_start()
    monitor.record_connection_start()
    monitor.record_connection_end(0.5)
    await monitor.reset_metrics()
    monitor.record_connection_end(0.25)
    metrics = monitor.get_metrics()
    assert (metrics.total_connections, metrics.active_connections) == (1, 0)
    assert metrics.average_connection_time == 0.25


def test_an_average_of_nothing_is_nothing() -> None:
    assert ConnectionMonitor().get_metrics().average_connection_time == 0.0


def test_the_garbage_collector_may_end_a_loop_while_the_monitor_counts() -> None:
    monitor = ConnectionMonitor()
    ended = Uses()
    ended.begun = ended.ended = 2

    class StruckByTheCollector(Uses):
        def __hash__(self) -> int:  # asked for under the monitor's lock
            monitor.retire(ended)
            return 0

    monitor.count(ended)
    monitor.count(StruckByTheCollector())
    assert monitor.get_metrics().total_connections == 2


def test_uses_of_a_loop_that_has_ended_still_count(nats_server: NatsServer) -> None:
    async def use() -> None:
        async with nats_connection(nats_server.url):
            pass

    asyncio.run(reset_connection_metrics())
    for _ in range(3):
        asyncio.run(use())
        gc.collect()
    metrics = get_connection_metrics()
    assert (metrics.total_connections, metrics.successful_connections) == (3, 3)
