"""naq's own key-value buckets: their names, and the one step that makes them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar, cast

import nats.errors
from nats.js import JetStreamContext
from nats.js.errors import BadRequestError, BucketNotFoundError
from nats.js.kv import KeyValue

from naq.config import Config, as_config
from naq.connection import nats_jetstream, nats_kv_store

T = TypeVar("T")

SCHEDULED_JOBS = "scheduled_jobs"
WORKER_STATUS = "worker_status"
WORKER_DETAILS = "worker_details"
JOB_RESULTS = "job_results"
JOB_STATUS = "job_status"
JOB_PROGRESS = "job_progress"
FAILED_JOBS = "failed_jobs"
WAITING_JOBS = "waiting_jobs"
LEADERS = "leaders"

BUCKETS = (
    SCHEDULED_JOBS,
    WORKER_STATUS,
    WORKER_DETAILS,
    JOB_RESULTS,
    JOB_STATUS,
    JOB_PROGRESS,
    FAILED_JOBS,
    WAITING_JOBS,
    LEADERS,
)


async def ensure_buckets(
    config: Config | str | None = None, names: tuple[str, ...] = BUCKETS
) -> None:
    """Make the buckets that do not exist yet; leave the others as they are.

    Args:
        config: a configuration, a URL, or None for the process's configuration.
        names: the buckets.

    Raises:
        NaqConnectionError: there is no connection to be had.
        nats.js.errors.APIError: the server refuses to make one.
    """
    settings = as_config(config)
    async with nats_jetstream(settings) as (_, js):
        await asyncio.gather(*(_ensure(js, name, settings) for name in names))


async def _ensure(js: JetStreamContext, name: str, config: Config) -> None:
    try:
        await js.key_value(name)
    except BucketNotFoundError:
        ttl = {
            JOB_RESULTS: config.result_ttl,
            JOB_STATUS: config.result_ttl,
            JOB_PROGRESS: config.result_ttl,
            WORKER_STATUS: config.worker_ttl,
            WORKER_DETAILS: config.worker_ttl,
            LEADERS: config.leader_ttl,
        }.get(name, 0)
        try:
            # Direct gets are the quicker ones, and the only ones that take several keys.
            await js.create_key_value(
                bucket=name, replicas=config.replicas, ttl=ttl or None, direct=True
            )
        except BadRequestError as error:
            if error.err_code != 10058:  # somebody else made it meanwhile, in another way
                raise


async def in_bucket(
    name: str, config: Config | str | None, action: Callable[[KeyValue], Awaitable[T]]
) -> T:
    """Do something with one of naq's own buckets, which is made if it is not there.

    Args:
        name: the bucket.
        config: a configuration, a URL, or None for the process's configuration.
        action: what to do; awaited with the bucket.

    Raises:
        NaqConnectionError: there is no connection to be had.
    """
    try:
        async with nats_kv_store(name, config) as kv:
            return await action(kv)
    except BucketNotFoundError:
        await ensure_buckets(config, (name,))
    async with nats_kv_store(name, config) as kv:
        return await action(kv)


async def entries(
    kv: KeyValue, pattern: str = ">", *, meta_only: bool = False
) -> dict[str, KeyValue.Entry]:
    """Return every live entry of a bucket by its key, in one watch.

    Args:
        kv: the bucket.
        pattern: a subject pattern for the keys.
        meta_only: leave the values on the server.

    Raises:
        nats.errors.TimeoutError: the server stopped answering on the way.
    """
    found: dict[str, KeyValue.Entry] = {}
    loop = asyncio.get_running_loop()
    patience: float = kv._js._timeout
    watcher = await kv.watch(
        pattern, ignore_deletes=True, meta_only=meta_only, inactive_threshold=5
    )
    try:
        async with asyncio.timeout(patience) as limit:
            async for entry in watcher:
                if entry is None:
                    return found
                found[entry.key] = entry
                limit.reschedule(loop.time() + patience)
    except TimeoutError as error:
        raise nats.errors.TimeoutError from error
    finally:
        await watcher.stop()
    return found


def stored_at(entry: KeyValue.Entry) -> datetime:
    """Return when the server stored an entry that came by a watch."""
    return cast(datetime, entry.created)  # nats-py's annotation says int
