"""naq's own key-value buckets: the one step that makes them, and reading them whole."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final, TypeVar, cast

import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import BadRequestError, BucketNotFoundError
from nats.js.kv import KeyValue

from naq.config import Config, as_config
from naq.connection import nats_jetstream, nats_kv_store
from naq.connection.nats_py.bucket import Watch, patience
from naq.exceptions import SerializationError

T = TypeVar("T")


LIMIT_TTL: Final = 3600.0
"""Seconds for which the state of a limit is kept that nobody uses."""


async def ensure_buckets(
    config: Config | str | None = None, names: tuple[str, ...] | None = None
) -> None:
    """Create the missing buckets; leave the others unchanged.

    Args:
        config: a configuration, a URL, or None for the process's configuration.
        names: the buckets; None is all of the configuration's.

    Raises:
        NaqConnectionError: there is no connection.
        nats.js.errors.APIError: the server refuses to make one.
    """
    settings = as_config(config)
    names = settings.names.buckets if names is None else names
    async with nats_jetstream(settings) as (_, js):
        await asyncio.gather(*(_ensure(js, name, settings) for name in names))


def ttl_of(name: str, config: Config) -> float:
    """Return the seconds for which a bucket keeps an entry; 0 is for ever."""
    names = config.names
    return {
        names.job_results: config.result_ttl,
        names.job_status: config.result_ttl,
        names.job_progress: config.result_ttl,
        names.failed_jobs: config.failed_ttl,
        names.worker_status: config.worker_ttl,
        names.worker_details: config.worker_ttl,
        names.leaders: config.leader_ttl,
        names.job_limits: LIMIT_TTL,
    }.get(name, 0)


async def _ensure(js: JetStreamContext, name: str, config: Config) -> None:
    try:
        await js.key_value(name)
    except BucketNotFoundError:
        ttl = ttl_of(name, config)
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
    """Run an action on one of naq's own buckets, and create the bucket if it is missing.

    Args:
        name: the bucket.
        config: a configuration, a URL, or None for the process's configuration.
        action: a coroutine function, called with the bucket.

    Raises:
        NaqConnectionError: there is no connection.
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
    timeout = patience(kv)
    try:
        async with (
            watching(kv, pattern, meta_only=meta_only) as watch,
            asyncio.timeout(timeout) as limit,
        ):
            async for entry in watch:
                limit.reschedule(loop.time() + timeout)
                if entry is None:
                    if found or not await _on_the_way(watch):
                        break
                    continue
                if entry.operation is None:
                    found[entry.key] = entry
                if entry.delta == 0:
                    break
    except TimeoutError as error:
        raise nats.errors.TimeoutError from error
    return found


def readable(
    stored: Mapping[str, KeyValue.Entry],
    read: Callable[[bytes | None], T],
    unreadable: Callable[[str, SerializationError], None],
) -> list[T]:
    """Return the readable entries: an unreadable one must not hide the others.

    Args:
        stored: the entries by their keys.
        read: reads the value of one.
        unreadable: called with the key and the error for each that cannot be read.
    """
    found = []
    for key, entry in stored.items():
        try:
            found.append(read(entry.value))
        except SerializationError as error:
            unreadable(key, error)
    return found


async def _on_the_way(watch: Watch) -> bool:
    """Whether the server has sent what has not arrived yet.

    nats-py takes a bucket for empty when the server has sent everything and nothing has come.
    The messages may be overtaken by that answer, though.
    """
    return await watch.deliveries() > 0


@asynccontextmanager
async def watching(
    kv: KeyValue, pattern: str = ">", *, meta_only: bool = False
) -> AsyncGenerator[Watch]:
    """Watch the keys of a bucket, and delete the watch's consumer at the end.

    Args:
        kv: the bucket.
        pattern: a subject pattern for the keys.
        meta_only: leave the values on the server.
    """
    watch = Watch(await kv.watch(pattern, meta_only=meta_only, inactive_threshold=5))
    try:
        yield watch
    finally:
        await watch.stop()


def stored_at(entry: KeyValue.Entry) -> datetime:
    """Return when the server stored an entry that came by a watch."""
    return cast(datetime, entry.created)  # nats-py annotates it as int


async def server_time(conn: Client, bucket: str) -> datetime:
    """Return the time by the clock that a bucket's entries are stored by, which is the server's.

    A server before 2.10 does not report it: then it is the time by this machine's clock.

    Args:
        conn: a connection.
        bucket: the bucket.

    Raises:
        nats.errors.Error: the server does not answer.
    """
    answer = await conn.request(f"$JS.API.STREAM.INFO.KV_{bucket}", timeout=5)
    time = json.loads(answer.data).get("ts")
    return datetime.now(UTC) if time is None else datetime.fromisoformat(time)
