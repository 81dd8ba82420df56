"""A small cluster on the loopback interface."""

from __future__ import annotations

import asyncio
import json
import socket
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path

import nats.errors
from nats.aio.client import Client
from nats.js.api import ClusterInfo
from nats.js.errors import APIError, NoStreamResponseError

from naq.server import NatsServer

NODES = 3
BACK_WITHIN = 60.0
"""Seconds after which servers that were started again have to answer."""

_OUTAGE = (nats.errors.Error, APIError, NoStreamResponseError, TimeoutError, OSError)


class Cluster:
    """Three nats-servers and the stream whose leader is killed.

    Args:
        servers: the servers.
        stream: the stream that holds the jobs.
    """

    def __init__(self, servers: Sequence[NatsServer], stream: str) -> None:
        self.servers = list(servers)
        self.stream = stream

    @property
    def urls(self) -> list[str]:
        return [server.url for server in self.servers]

    @property
    def ports(self) -> set[int]:
        return {server.port for server in self.servers}

    async def leader(self) -> int:
        """Return the index of the server that leads the stream."""
        return int((await self._state())[1:])

    async def kill(self, indices: Sequence[int], down: float) -> None:
        """Kill servers (SIGKILL), start them again after some seconds, wait until all is well."""
        for index in indices:
            self.servers[index].kill()
        await asyncio.sleep(down)
        await asyncio.gather(*(asyncio.to_thread(self.servers[i].start) for i in indices))
        await self.answers()

    async def answers(self) -> None:
        """Wait until every stream and consumer has a leader, and its replicas are current.

        Raises:
            TimeoutError: it never has.
        """
        await self._state()

    async def _state(self) -> str:
        async with asyncio.timeout(BACK_WITHIN):
            while True:
                with suppress(*_OUTAGE):
                    if name := await self._leader_with_replicas():
                        return name
                await asyncio.sleep(0.2)

    async def _leader_with_replicas(self) -> str | None:
        nc = Client()
        try:
            await nc.connect(
                self.urls, connect_timeout=2, allow_reconnect=False, max_reconnect_attempts=1
            )
            js = nc.jetstream(timeout=2)
            if not self.stream:
                await js.account_info()
                return "n0"
            answer = await nc.request("$JS.API.STREAM.NAMES", timeout=2)
            names = json.loads(answer.data)["streams"] or ()  # null in an election
            infos = await asyncio.gather(*map(js.stream_info, names))
            consumers = await js.consumers_info(self.stream)
        finally:
            await nc.close()  # also after a connect that failed, which keeps its socket
        groups = {info.config.name: info.cluster for info in infos}
        if self.stream not in groups:
            return None
        if not all(map(_is_whole, [*groups.values(), *(each.cluster for each in consumers)])):
            return None
        own = groups[self.stream]
        return own and own.leader


def _is_whole(group: ClusterInfo | None) -> bool:
    """Whether a stream or a consumer has a leader, and replicas that are up to date."""
    if group is None or not group.leader:
        return False
    return sum(replica.current for replica in group.replicas or ()) == NODES - 1


@asynccontextmanager
async def run_cluster(stream: str) -> AsyncIterator[Cluster]:
    """Run three servers with temporary stores; end them and remove the stores."""
    ports = _free_ports(NODES)
    routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in ports)
    with ExitStack() as stack:
        servers = []
        for number, port in enumerate(ports):
            directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="naq-soak-"))
            options = (
                f'server_name: "n{number}"\n'
                f'cluster {{ name: "soak", listen: "127.0.0.1:{port}", routes: [{routes}] }}'
            )
            servers.append(NatsServer(Path(directory), options=options))
            stack.callback(servers[-1].stop)
            servers[-1].start()
        cluster = Cluster(servers, "")
        await cluster.answers()
        cluster.stream = stream
        yield cluster


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
