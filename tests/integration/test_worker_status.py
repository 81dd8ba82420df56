"""The status of workers, stored, read and listed on a real server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import nats.js.errors
import pytest

from naq.buckets import ensure_buckets
from naq.connection import nats_kv_store
from naq.exceptions import SerializationError
from naq.models import WORKER_STATUS
from naq.names import Names
from naq.server import NatsServer
from naq.worker.status import WorkerStatusManager


@pytest.fixture
async def manager(nats_server: NatsServer) -> WorkerStatusManager:
    await ensure_buckets(nats_server.url)
    return WorkerStatusManager(nats_server.url)


async def test_an_unknown_worker_has_no_status(manager: WorkerStatusManager) -> None:
    assert await manager.get_worker_status("nobody") is None


@pytest.mark.parametrize("status", WORKER_STATUS)
async def test_a_status_comes_back(manager: WorkerStatusManager, status: WORKER_STATUS) -> None:
    await manager.update_worker_status("w1", status)
    assert await manager.get_worker_status("w1") is status


async def test_the_last_status_counts(manager: WorkerStatusManager) -> None:
    await manager.update_worker_status("w1", WORKER_STATUS.BUSY)
    await manager.update_worker_status("w1", WORKER_STATUS.IDLE)
    assert await manager.get_worker_status("w1") is WORKER_STATUS.IDLE


async def test_the_stored_value_is_the_status_alone(manager: WorkerStatusManager) -> None:
    await manager.update_worker_status("w1", WORKER_STATUS.BUSY)
    async with nats_kv_store(Names().worker_status, manager.config) as kv:
        assert (await kv.get("w1")).value == b"busy"


async def test_there_are_no_workers_at_first(manager: WorkerStatusManager) -> None:
    assert await manager.get_all_workers_status() == {}
    assert await manager.list_workers() == []


async def test_a_batch_is_listed_by_worker(manager: WorkerStatusManager) -> None:
    updates = {"w2": WORKER_STATUS.IDLE, "w1": WORKER_STATUS.STARTING}
    await manager.batch_update_status(updates)
    assert await manager.get_all_workers_status() == updates


async def test_a_batch_uses_one_connection(
    manager: WorkerStatusManager, nats_server: NatsServer
) -> None:
    await manager.batch_update_status({f"w{n}": WORKER_STATUS.IDLE for n in range(20)})
    assert nats_server.monitor("varz")["total_connections"] == 1


async def test_a_batch_stops_at_what_fails(
    manager: WorkerStatusManager, caplog: pytest.LogCaptureFixture
) -> None:
    updates = {
        "w1": WORKER_STATUS.IDLE,
        "a bad id": WORKER_STATUS.IDLE,
        "w2": WORKER_STATUS.IDLE,
    }
    with pytest.raises(nats.js.errors.InvalidKeyError):
        await manager.batch_update_status(updates)
    assert await manager.get_all_workers_status() == {"w1": WORKER_STATUS.IDLE}
    assert "Batch status update failed" in caplog.text


async def test_a_worker_is_listed_with_its_details(manager: WorkerStatusManager) -> None:
    await manager.update_worker_status("w1", WORKER_STATUS.BUSY)
    await manager.update_worker_details("w1", {"host": "kiel", "queues": ["mail"]})
    [worker] = await manager.list_workers()
    assert worker.worker_id == "w1"
    assert worker.status is WORKER_STATUS.BUSY
    assert worker.details == {"host": "kiel", "queues": ["mail"]}
    assert abs(worker.last_seen - datetime.now(UTC)) < timedelta(minutes=1)


async def test_details_that_json_can_t_say_are_refused(manager: WorkerStatusManager) -> None:
    with pytest.raises(SerializationError, match="worker w1"):
        await manager.update_worker_details("w1", {"host": object()})


async def test_a_silent_worker_is_stale(manager: WorkerStatusManager) -> None:
    await manager.update_worker_status("w1", WORKER_STATUS.BUSY)
    assert [w.stale for w in await manager.list_workers()] == [False]
    assert [w.stale for w in await manager.list_workers(stale_after=-60)] == [True]


async def test_a_heartbeat_counts_though_nothing_changed(manager: WorkerStatusManager) -> None:
    await manager.update_worker_status("w1", WORKER_STATUS.BUSY)
    [before] = await manager.list_workers()
    await manager.update_worker_status("w1", WORKER_STATUS.BUSY)
    [after] = await manager.list_workers()
    assert after.last_seen > before.last_seen


async def test_a_removed_worker_is_gone(manager: WorkerStatusManager) -> None:
    await manager.update_worker_status("w1", WORKER_STATUS.STOPPING)
    await manager.update_worker_details("w1", {"host": "kiel"})
    await manager.remove_worker("w1")
    await manager.remove_worker("w1")
    assert await manager.list_workers() == []
    assert await manager.get_worker_status("w1") is None
