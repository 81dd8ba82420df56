"""Enqueueing on a cluster whose leader is killed."""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import naq
from naq.connection import close_all_connections, nats_jetstream
from naq.models.status import Enqueued
from naq.names import Names
from naq.server import NatsServer
from naq.setup import setup


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[dict[str, NatsServer]]:
    """Three servers, by their names."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(3)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        ports = [each.getsockname()[1] for each in sockets]
    routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in ports)
    servers = {}
    with contextlib.ExitStack() as stack:
        for number, port in enumerate(ports):
            name = f"n{number}"
            (tmp_path / name).mkdir()
            options = (
                f"server_name: {name}\n"
                f'cluster {{ name: c, listen: "127.0.0.1:{port}", routes: [{routes}] }}'
            )
            servers[name] = NatsServer(tmp_path / name, options=options)
            servers[name].start()
            stack.callback(servers[name].stop)
        yield servers
        await close_all_connections()


async def made(config: naq.Config) -> None:
    """Make everything, once the cluster has a leader."""
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(Exception):
                if not [each for each in await setup(config) if each.outcome == "missing"]:
                    return
            await asyncio.sleep(0.3)


async def test_no_enqueue_fails_and_none_is_doubled_when_the_leader_is_killed(
    cluster: dict[str, NatsServer],
) -> None:
    config = naq.Config(
        servers=tuple(server.url for server in cluster.values()), replicas=3, request_timeout=3
    )
    await made(config)
    await naq.enqueue(math.sqrt, -1, config=config)
    async with nats_jetstream(config) as (_, js):
        info = await js.stream_info(Names().job_stream)
    assert info.cluster
    assert info.cluster.leader
    leader = cluster[info.cluster.leader]

    async def enqueue_some(start: int) -> list[naq.Job]:
        jobs = []
        for number in range(start, start + 20):
            jobs.append(await naq.enqueue(math.sqrt, number, config=config))
            await asyncio.sleep(0.02)
        return jobs

    tasks = [asyncio.create_task(enqueue_some(100 * n)) for n in range(5)]
    await asyncio.sleep(0.1)
    leader.kill()
    jobs = [job for some in await asyncio.gather(*tasks) for job in some]
    assert {job.enqueued for job in jobs} == {Enqueued.NEW}
    assert await naq.Queue(config=config).size() == 101
