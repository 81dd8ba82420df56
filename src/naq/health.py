"""The health of a queue, seen from outside: its server, its streams and buckets, its workers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from naq.config import Config, as_config
from naq.connection import nats_jetstream
from naq.connection.dial import where
from naq.names import Names
from naq.plural import counted
from naq.worker.status import WorkerInfo, WorkerStatusManager


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One thing that was checked.

    Args:
        name: what was checked.
        healthy: whether it is as it should be.
        detail: what was found.
    """

    name: str
    healthy: bool
    detail: str


async def check_health(
    config: Config | str | None = None,
    *,
    worker: str | None = None,
    host: str | None = None,
    queue: str | None = None,
    workers: bool = True,
) -> list[HealthCheck]:
    """Check that the server answers, what jobs need exists, and a worker is alive.

    Args:
        config: a configuration, a URL, or None for the process's configuration.
        worker: the id of the worker that has to be alive; by default any.
        host: the host of the worker that has to be alive; by default any.
        queue: a queue that the worker has to serve; by default any.
        workers: whether to look at workers at all.

    Raises:
        NaqConnectionError: the server cannot be reached, or has no JetStream.
    """
    settings = as_config(config)
    async with nats_jetstream(settings) as (_, js):
        checks = [HealthCheck("server", True, f"the {where(settings)} answers")]
        missing = await _missing(js, settings.names)
        found = f"missing: {', '.join(missing)}" if missing else "all there"
        checks.append(HealthCheck("streams", not missing, found))
        if workers and not missing:
            wanted = [
                each
                for each in await WorkerStatusManager(settings).list_workers()
                if _is_wanted(each, worker, host, queue)
            ]
            checks.append(_of_workers(wanted))
        return checks


async def _missing(js: JetStreamContext, names: Names) -> list[str]:
    """Return the names of the streams and buckets that jobs need and that do not exist."""
    streams = [names.job_stream, *(f"KV_{bucket}" for bucket in names.buckets)]

    async def exists(stream: str) -> bool:
        try:
            await js.stream_info(stream)
        except NotFoundError:
            return False
        return True

    found = await asyncio.gather(*map(exists, streams))
    return [name for name, there in zip(streams, found, strict=True) if not there]


def _is_wanted(each: WorkerInfo, worker: str | None, host: str | None, queue: str | None) -> bool:
    return (
        worker in (None, each.worker_id)
        and host in (None, each.details.get("host"))
        and (queue is None or queue in each.details.get("queues", ()))
    )


def _of_workers(wanted: list[WorkerInfo]) -> HealthCheck:
    alive = sum(not each.stale for each in wanted)
    if alive:
        return HealthCheck("workers", True, f"{alive} alive")
    stale = f"{counted(len(wanted), 'worker')} silent for too long" if wanted else "no such worker"
    return HealthCheck("workers", False, stale)
