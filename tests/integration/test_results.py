"""Results of jobs, stored, fetched, listed and removed on a real server."""

from __future__ import annotations

import asyncio
import traceback
from typing import Any

import cloudpickle
import nats.js.errors
import pytest

from naq.buckets import ensure_buckets
from naq.config import Config
from naq.connection import nats_jetstream, nats_kv_store
from naq.exceptions import JobFailedError, ResultTimeoutError, SerializationError
from naq.names import Names
from naq.results import Results
from naq.server import NatsServer


@pytest.fixture
async def results(nats_server: NatsServer) -> Results:
    await ensure_buckets(nats_server.url)
    return Results(nats_server.url)


def failure() -> ValueError:
    try:
        raise ValueError("no such colour")
    except ValueError as error:
        return error


@pytest.mark.parametrize("value", [None, 0, "", b"\x00", {"a": [1, 2]}, {1, 2}, 1 + 2j])
async def test_a_result_comes_back(results: Results, value: Any) -> None:
    await results.store_result("j1", value)
    assert await results.get_result("j1") == value


async def test_there_is_no_result_at_first(results: Results) -> None:
    assert await results.get_result("j1") is None


@pytest.mark.parametrize("timeout", [0, 0.1])
async def test_a_result_can_be_waited_for_before_any_worker_has_made_the_bucket(
    nats_server: NatsServer, timeout: float
) -> None:
    with pytest.raises(ResultTimeoutError, match="no result of job j1"):
        await Results(nats_server.url).fetch_job_result("j1", timeout=timeout)


async def test_the_last_result_counts(results: Results) -> None:
    await results.store_result("j1", 1)
    await results.store_result("j1", 2)
    assert await results.get_result("j1") == 2


async def test_a_bad_id_is_nats_py_s_own_error(results: Results) -> None:
    with pytest.raises(nats.js.errors.InvalidKeyError):
        await results.store_result("a job", 1)


async def test_what_pickle_can_t_take_is_an_error_of_serialization(results: Results) -> None:
    with pytest.raises(SerializationError):
        await results.store_result("j1", asyncio.get_running_loop())
    assert await results.get_result("j1") is None


async def test_a_plain_pickle_is_a_result(results: Results) -> None:
    async with nats_kv_store(Names().job_results, results.config) as kv:
        await kv.put("j1", cloudpickle.dumps([1]))
    assert await results.get_result("j1") == [1]


async def test_a_result_is_a_plain_pickle(results: Results) -> None:
    await results.store_result("j1", [1])
    async with nats_kv_store(Names().job_results, results.config) as kv:
        assert cloudpickle.loads((await kv.get("j1")).value) == [1]


async def test_a_json_result_holds_no_pickle(results: Results) -> None:
    await Results(results.config, serializer="json").store_result("j1", {"a": 1})
    async with nats_kv_store(Names().job_results, results.config) as kv:
        value = (await kv.get("j1")).value
    assert value is not None
    assert value.endswith(b'{"a":1}')
    assert await results.get_result("j1") == {"a": 1}


async def test_a_failure_is_raised_with_the_worker_s_traceback(results: Results) -> None:
    await results.store_failure("j1", failure())
    with pytest.raises(JobFailedError, match="job j1 failed: ValueError: no such colour") as caught:
        await results.get_result("j1")
    assert "in failure" in caught.value.traceback
    assert 'raise ValueError("no such colour")' in "".join(traceback.format_exception(caught.value))


async def test_a_stored_result_is_fetched_at_once(results: Results) -> None:
    await results.store_result("j1", 1)
    assert await results.fetch_job_result("j1", timeout=0) == 1


async def test_a_fetch_waits_for_the_result(results: Results) -> None:
    fetch = asyncio.create_task(results.fetch_job_result("j1", timeout=30))
    await asyncio.sleep(0.05)
    await results.store_result("j1", None)
    assert await fetch is None


async def test_a_fetch_raises_the_failure(results: Results) -> None:
    fetch = asyncio.create_task(results.fetch_job_result("j1"))
    await asyncio.sleep(0.05)
    await results.store_failure("j1", failure())
    with pytest.raises(JobFailedError):
        await fetch


@pytest.mark.parametrize("timeout", [0, 0.05])
async def test_a_fetch_ends_when_there_is_nothing_in_time(results: Results, timeout: float) -> None:
    with pytest.raises(ResultTimeoutError, match="job j1") as caught:
        await results.fetch_job_result("j1", timeout=timeout)
    assert isinstance(caught.value, TimeoutError)


async def test_a_fetch_survives_a_restart_of_the_server(
    results: Results, nats_server: NatsServer
) -> None:
    fetch = asyncio.create_task(results.fetch_job_result("j1"))
    await asyncio.sleep(0.05)
    nats_server.kill()
    nats_server.start()
    await Results(Config(servers=(nats_server.url,), name="other")).store_result("j1", 1)
    assert await fetch == 1


async def test_results_are_listed_by_job(results: Results) -> None:
    await results.store_failure("j2", failure())
    await results.store_result("j1", "red")
    listed = await results.list_results()
    assert [(info.job_id, info.failed) for info in listed] == [("j1", False), ("j2", True)]
    assert listed[0].size == len(cloudpickle.dumps("red"))


async def test_a_deleted_result_is_gone(results: Results) -> None:
    await results.store_result("j1", 1)
    assert await results.delete_result("j1")
    assert await results.get_result("j1") is None


async def test_deleting_a_missing_result_returns_false(results: Results) -> None:
    assert not await results.delete_result("j1")


async def test_a_purge_counts_what_it_removes(results: Results) -> None:
    for number in range(5):
        await results.store_result(f"j{number}", number)
    await results.delete_result("j0")
    assert await results.purge_results() == 4
    assert await results.purge_results() == 0
    assert await results.list_results() == []


async def test_a_clean_up_leaves_what_is_young(results: Results) -> None:
    await results.store_result("j1", 1)
    assert await results.cleanup_old_results() == 0
    assert await results.get_result("j1") == 1


async def test_a_clean_up_removes_and_counts_what_is_old(results: Results) -> None:
    await results.store_result("old", 1)
    await results.store_result("older", 1)
    await asyncio.sleep(0.3)
    await results.store_result("older", 2)
    assert await results.cleanup_old_results(max_age_hours=0.2 / 3600) == 1
    assert await results.get_result("old") is None
    assert await results.get_result("older") == 2


async def test_the_configuration_sets_the_lifetime_of_results(nats_server: NatsServer) -> None:
    config = Config(servers=(nats_server.url,), result_ttl=3600)
    await ensure_buckets(config)
    async with nats_jetstream(config) as (_, js):
        status = await (await js.key_value(Names().job_results)).status()
    assert status.ttl == 3600
