"""Leases under cancellation, restarts, forks and ends of loops: nothing leaks, nothing lies."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import signal
import subprocess
import sys
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import nats.errors
import nats.js.errors
import pytest

from naq.buckets import ensure_buckets, entries
from naq.config import Config
from naq.connection import (
    close_all_connections,
    nats_connection,
    nats_jetstream,
    nats_kv_store,
)
from naq.connection.pool import current_pool
from naq.exceptions import NaqConnectionError
from naq.server import NatsServer

Eventually = Callable[[Callable[[], bool]], Awaitable[None]]
Opener = Callable[[Config], AbstractAsyncContextManager[Any]]


async def reply(handle: Any) -> None:
    """Make a round trip on whatever a context manager gave."""
    if isinstance(handle, tuple):
        await handle[1].account_info()
    elif hasattr(handle, "put"):
        await handle.put("key", b"value")
    else:
        await handle.flush()


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


OPENERS: dict[str, Opener] = {
    "connection": nats_connection,
    "jetstream": nats_jetstream,
    "bucket": lambda config: nats_kv_store("colours", config),
    "exclusive connection": lambda config: nats_connection(config, exclusive=True),
    "exclusive jetstream": lambda config: nats_jetstream(config, exclusive=True),
    "exclusive bucket": lambda config: nats_kv_store("colours", config, exclusive=True),
}


@pytest.fixture
async def config(nats_server: NatsServer) -> AsyncIterator[Config]:
    yield Config(servers=(nats_server.url,))
    await close_all_connections()


@pytest.mark.parametrize("opener", OPENERS.values(), ids=OPENERS)
@pytest.mark.parametrize("warm", [True, False], ids=["warm", "cold"])
async def test_a_cancellation_anywhere_leaves_nothing_behind(
    opener: Opener, warm: bool, config: Config, nats_server: NatsServer, eventually: Eventually
) -> None:
    await ensure_buckets(config, ("colours",))
    if not warm:
        await close_all_connections()
    await eventually(lambda: nats_server.open_connections == int(warm))
    tasks, files = len(asyncio.all_tasks()), open_files()
    entered = 0

    async def use() -> None:
        nonlocal entered
        async with opener(config) as handle:
            entered += 1
            await reply(handle)

    for step in range(200):
        task = asyncio.create_task(use())
        # Let it go on for some turns of the loop: spinning ones, then ones that wait for data.
        for _ in range(step % 30):
            await asyncio.sleep(0)
        if step >= 30:
            await asyncio.sleep(random.uniform(0, 0.006))
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled() or task.exception() is None
        if not warm:
            await close_all_connections()
        assert sum(c.leases for c in current_pool().connections.values()) == 0

    await close_all_connections()
    assert entered
    await eventually(lambda: len(asyncio.all_tasks()) == 1)
    await eventually(lambda: nats_server.open_connections == 0)
    gc.collect()
    # One connection stood at the beginning when it was warm, with four tasks of its own.
    assert (len(asyncio.all_tasks()), open_files()) == (1, files - warm), tasks


async def test_one_of_many_who_wait_for_a_connection_may_go(
    config: Config, nats_server: NatsServer
) -> None:
    async def use() -> None:
        async with nats_connection(config) as conn:
            await conn.flush()

    for _ in range(50):
        tasks = [asyncio.create_task(use()) for _ in range(10)]
        await asyncio.sleep(random.uniform(0, 0.002))
        for task in random.sample(tasks, 5):
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(o) for o in outcomes} <= {type(None), asyncio.CancelledError}
        assert sum(o is None for o in outcomes) >= 5
        await close_all_connections()
    assert nats_server.monitor("varz")["total_connections"] <= 50


async def test_every_waiter_has_an_exception_of_its_own() -> None:
    async def use() -> None:
        async with nats_connection("nats://127.0.0.1:1"):
            pass

    errors = await asyncio.gather(*(use() for _ in range(5)), return_exceptions=True)
    assert {type(error).__name__ for error in errors} == {"NaqNoServersError"}
    assert len({id(error) for error in errors}) == 5


async def test_an_idle_connection_is_closed(
    nats_server: NatsServer, eventually: Eventually
) -> None:
    config = Config(servers=(nats_server.url,), idle_time=0.05)
    async with nats_connection(config) as conn:
        await asyncio.sleep(0.1)
        await conn.flush()
        assert nats_server.open_connections == 1
    await eventually(lambda: nats_server.open_connections == 0)
    async with nats_connection(config) as conn:
        await conn.flush()
    assert nats_server.monitor("varz")["total_connections"] == 2


async def test_a_used_connection_does_not_count_as_idle(nats_server: NatsServer) -> None:
    config = Config(servers=(nats_server.url,), idle_time=0.5)
    for _ in range(20):
        async with nats_connection(config) as conn:
            await conn.flush()
        await asyncio.sleep(0.05)
    assert nats_server.monitor("varz")["total_connections"] == 1


async def test_a_lease_waits_for_a_server_that_restarts(
    config: Config, nats_server: NatsServer
) -> None:
    await ensure_buckets(config, ("colours",))
    nats_server.kill()
    await asyncio.sleep(0.05)

    async def use() -> int:
        async with nats_kv_store("colours", config) as kv:
            return await kv.put("sky", b"blue")

    task = asyncio.create_task(use())
    await asyncio.sleep(0.2)
    nats_server.start()
    assert await task == 1


async def test_a_lease_on_a_lost_server_fails_with_its_name(
    nats_server: NatsServer,
) -> None:
    config = Config(servers=(nats_server.url,), connect_timeout=0.3)
    async with nats_connection(config) as conn:
        await conn.flush()
    nats_server.kill()
    await asyncio.sleep(0.05)
    with pytest.raises(NaqConnectionError, match=f"127.0.0.1:{nats_server.port}"):
        async with nats_connection(config):
            pass
    nats_server.start()
    await close_all_connections()


async def test_a_closed_connection_is_opened_again(config: Config, nats_server: NatsServer) -> None:
    async with nats_connection(config) as conn:
        await conn.flush()
    [shared] = current_pool().connections.values()
    await shared.client.close()
    async with nats_connection(config) as conn:
        await conn.flush()
    assert nats_server.monitor("varz")["total_connections"] == 2


async def test_a_put_that_failed_in_an_outage_is_not_made_later(
    config: Config, nats_server: NatsServer
) -> None:
    await ensure_buckets(config, ("colours",))
    failed: set[str] = set()
    stored: set[str] = set()

    async def put(key: str) -> None:
        try:
            async with nats_kv_store("colours", config) as kv:
                await kv.put(key, b"value")
            stored.add(key)
        except (nats.errors.Error, NaqConnectionError):
            failed.add(key)

    async with nats_kv_store("colours", config) as kv:
        await kv.put("before", b"value")
        nats_server.kill()
        await asyncio.sleep(0.05)
        for number in range(50):
            with pytest.raises(nats.errors.OutboundBufferLimitError):
                await kv.put(f"lost{number}", b"value")
        nats_server.start()
    async with nats_kv_store("colours", config) as kv:
        await kv.put("after", b"value")
        assert set(await entries(kv)) == {"before", "after"}


async def test_writes_acknowledged_before_a_crash_are_there_after_it(
    config: Config, nats_server: NatsServer
) -> None:
    await ensure_buckets(config, ("colours",))
    acknowledged: set[str] = set()
    going_on = True

    async def put_on(worker: int) -> None:
        number = 0
        while going_on:
            number += 1
            key = f"{worker}.{number}"
            try:
                async with nats_kv_store("colours", config) as kv:
                    async with asyncio.timeout(0.5):
                        await kv.put(key, b"value")
                acknowledged.add(key)
            except (nats.errors.Error, TimeoutError):
                await asyncio.sleep(0.01)

    tasks = [asyncio.create_task(put_on(worker)) for worker in range(20)]
    for _ in range(3):
        await asyncio.sleep(0.2)
        nats_server.kill()
        nats_server.start()
        await asyncio.sleep(0.5)
    going_on = False
    await asyncio.gather(*tasks)
    async with nats_kv_store("colours", config) as kv:
        assert acknowledged <= set(await entries(kv))
    assert len(acknowledged) > 100


async def test_a_bucket_deleted_under_a_cached_handle_raises_bucket_not_found(
    config: Config,
) -> None:
    async def put() -> None:
        async with nats_kv_store("colours", config) as kv:
            await kv.put("sky", b"blue")

    async def get() -> None:
        async with nats_kv_store("colours", config) as kv:
            await kv.get("sky")

    async def listing() -> None:
        async with nats_kv_store("colours", config) as kv:
            await entries(kv)

    for operation in (put, get, listing):
        await ensure_buckets(config, ("colours",))
        await put()
        async with nats_jetstream(config) as (_, js):
            await js.delete_key_value("colours")
        with pytest.raises(nats.js.errors.BucketNotFoundError):
            await operation()
    await ensure_buckets(config, ("colours",))
    await put()


async def test_a_missing_key_does_not_cost_the_cached_handle(
    config: Config, nats_server: NatsServer
) -> None:
    await ensure_buckets(config, ("colours",))
    async with nats_kv_store("colours", config) as kv:
        with pytest.raises(nats.js.errors.KeyNotFoundError):
            await kv.get("sky")
    [shared] = current_pool().connections.values()
    assert "colours" in shared.buckets


def test_the_end_of_the_loop_closes_what_is_left(
    nats_server: NatsServer,
) -> None:
    async def use() -> None:
        async with nats_connection(nats_server.url) as conn:
            await conn.flush()

    files = open_files()
    for _ in range(5):
        asyncio.run(use())
    assert open_files() == files
    assert nats_server.monitor("varz")["total_connections"] == 5


def test_a_lease_held_at_the_end_of_the_loop_is_closed(nats_server: NatsServer) -> None:
    async def main() -> None:
        async def hold() -> None:
            async with nats_connection(nats_server.url):
                await asyncio.Event().wait()

        task = asyncio.create_task(hold())
        await asyncio.sleep(0.05)
        assert not task.done()

    files = open_files()
    asyncio.run(main())
    assert open_files() == files


def test_another_loop_has_a_connection_of_its_own(nats_server: NatsServer) -> None:
    async def use() -> None:
        async with nats_connection(nats_server.url) as conn:
            await conn.flush()

    loops = [asyncio.new_event_loop() for _ in range(2)]
    for _ in range(3):
        for loop in loops:
            loop.run_until_complete(use())
    assert nats_server.monitor("varz")["total_connections"] == 2
    for loop in loops:
        loop.run_until_complete(close_all_connections())
        loop.close()


CLOSED_WITHOUT_CLEAN_UP = """
import asyncio, sys
from pathlib import Path
from naq.connection import nats_connection

async def use():
    async with nats_connection(sys.argv[1]) as conn:
        await conn.flush()

async def count():
    print(len(list(Path("/proc/self/fd").iterdir())))

asyncio.run(use())
asyncio.run(count())
loop = asyncio.new_event_loop()
loop.run_until_complete(use())
loop.close()
asyncio.run(use())
asyncio.run(count())
"""


def test_sockets_of_a_loop_closed_without_clean_up_go_with_the_next_loop(
    nats_server: NatsServer,
) -> None:
    # In a process of its own: asyncio complains about the loop, and rightly so.
    done = subprocess.run(
        [sys.executable, "-c", CLOSED_WITHOUT_CLEAN_UP, nats_server.url],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    before, after = done.stdout.split()
    assert before == after


def test_a_forked_child_has_a_connection_of_its_own(nats_server: NatsServer) -> None:
    async def use() -> None:
        async with nats_connection(nats_server.url) as conn:
            await conn.flush()

    async def main() -> None:
        await use()
        inherited = open_files()
        child = os.fork()
        if child == 0:
            # Nothing of pytest's may run twice.
            status = 1
            try:
                asyncio.events._set_running_loop(None)
                closed = inherited - open_files()
                asyncio.run(use())
                status = 0 if closed == 1 else 2
            finally:
                os._exit(status)
        _, status = await asyncio.to_thread(os.waitpid, child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        await use()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: fork with threads
        asyncio.run(main())
    assert nats_server.monitor("varz")["total_connections"] == 2


def test_a_child_does_not_keep_its_parent_s_connection_open(nats_server: NatsServer) -> None:
    async def main() -> int:
        async with nats_connection(nats_server.url) as conn:
            await conn.flush()
        child = os.fork()
        if child == 0:
            signal.pause()
            os._exit(0)
        return child

    child = asyncio.run(main())
    try:
        for _ in range(500):
            if nats_server.open_connections == 0:
                break
        assert nats_server.open_connections == 0
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@pytest.mark.parametrize("policy", ["asyncio", "uvloop"])
def test_on_either_loop(policy: str, nats_server: NatsServer) -> None:
    factory = asyncio.new_event_loop
    if policy == "uvloop":
        factory = pytest.importorskip("uvloop").new_event_loop

    async def use() -> None:
        await ensure_buckets(nats_server.url, ("colours",))
        async with nats_kv_store("colours", nats_server.url) as kv:
            await kv.put("sky", b"blue")

    counts = []
    for _ in range(3):
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(use())
        counts.append(open_files())
    # The first run may leave what the loop opens once for the process.
    assert counts[1] == counts[2]
