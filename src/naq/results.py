"""Results of jobs: the key-value bucket ``job_results``."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import KeyNotFoundError
from nats.js.kv import KeyValue

from naq.buckets import entries, in_bucket, server_time, stored_at
from naq.config import Config, as_config
from naq.connection import nats_connection, nats_jetstream, nats_kv_store
from naq.exceptions import (
    JobCancelledError,
    JobFailedError,
    NaqConnectionError,
    ResultTimeoutError,
    SerializationError,
    describe_error,
)
from naq.models import JobFailure, Outcome
from naq.models.retry import exception_name
from naq.names import kv_subject
from naq.serializers import CLOUDPICKLE, Serializer, get_serializer

logger = logging.getLogger("naq.results")

_LOOK_AGAIN = 2.0
"""Seconds after which a wait asks instead of listening: in an outage there is nothing to hear."""

_AFTER_AN_OUTAGE = 0.5
"""Seconds until a wait that has lost its server tries to go on."""


@dataclass(frozen=True)
class ResultInfo:
    """A stored result, without its value.

    Args:
        job_id: the job's id.
        stored_at: when the server stored it.
        failed: whether it is a failure.
        size: bytes of the stored form.
    """

    job_id: str
    stored_at: datetime
    failed: bool
    size: int


class Results:
    """Stores, fetches, lists and removes the results of jobs.

    Args:
        config: a configuration, a URL, or None for the process's configuration.
        serializer: the serializer of new results, or its name. A stored result names its own.
        unpickle: read results that hold pickled objects. They may run code, and any client that
            can write to the server can store them. Otherwise only pickles of plain types are read.

    Raises:
        SerializationError: there is no serializer of that name.
    """

    def __init__(
        self,
        config: Config | str | None = None,
        *,
        serializer: Serializer | str = CLOUDPICKLE,
        unpickle: bool = False,
    ) -> None:
        self.config = as_config(config)
        self._bucket = self.config.names.job_results
        known = get_serializer(serializer) if isinstance(serializer, str) else serializer
        self.serializer = known.name
        self.unpickle = unpickle

    async def store_result(self, job_id: str, result: Any) -> None:
        """Store the result of a job, in place of an older one.

        Raises:
            SerializationError: the serializer can't write the result.
        """
        data = Outcome(result, serializer=self.serializer).serialize()
        async with nats_kv_store(self._bucket, self.config) as kv:
            await kv.put(job_id, data)

    async def store_failure(self, job_id: str, error: BaseException | JobFailure) -> None:
        """Store, in place of a result, why a job failed."""
        failure = error if isinstance(error, JobFailure) else JobFailure.of(error)
        async with nats_kv_store(self._bucket, self.config) as kv:
            await kv.put(job_id, Outcome(failure=failure).serialize())

    async def get_result(self, job_id: str) -> Any | None:
        """Return the result of a job, or None when there is none.

        Raises:
            JobFailedError: the job has failed; it carries the worker's traceback.
            SerializationError: the result can't be read here.
        """
        async with nats_kv_store(self._bucket, self.config) as kv:
            entry = await _entry(kv, job_id)
        if entry is None:
            return None
        return read_result(job_id, entry.value or b"", unpickle=self.unpickle)

    async def fetch_job_result(self, job_id: str, *, timeout: float | None = None) -> Any:
        """Wait for the result of a job and return it.

        An outage of the servers that comes while it waits is waited out, too.

        Args:
            job_id: the job's id.
            timeout: seconds to wait; None waits for ever, 0 does not wait.

        Raises:
            ResultTimeoutError: there was no result in time.
            JobFailedError: the job has failed; it carries the worker's traceback.
            SerializationError: the result can't be read here.
            NaqConnectionError: at the start; there is no connection.
        """
        data = await self.fetch_stored(job_id, timeout=timeout)
        return read_result(job_id, data, unpickle=self.unpickle)

    async def fetch_stored(self, job_id: str, *, timeout: float | None = None) -> bytes:
        """Wait for the outcome of a job and return its stored form; see ``fetch_job_result``.

        Raises:
            ResultTimeoutError: there was no result in time.
            NaqConnectionError: at the start; there is no connection.
        """
        has_begun = False

        async def wait(kv: KeyValue) -> KeyValue.Entry | None:
            nonlocal has_begun
            entry = await _entry(kv, job_id)
            if entry is not None or timeout == 0:
                return entry
            has_begun = True
            async with nats_connection(self.config) as conn:
                return await _awaited_entry(conn, kv, kv_subject(self._bucket, job_id), job_id)

        try:
            async with asyncio.timeout(timeout or None) as limit:
                while True:
                    try:
                        # The first worker makes the bucket, and may start later than this wait.
                        entry = await in_bucket(self._bucket, self.config, wait)
                        break
                    except (NaqConnectionError, nats.errors.Error) as error:
                        if not has_begun:
                            raise
                        logger.debug(
                            "job %s: the wait outlasts an outage: %s", job_id, describe_error(error)
                        )
                        await asyncio.sleep(_AFTER_AN_OUTAGE)
        except TimeoutError as error:
            if not limit.expired():
                raise  # the server's silence, not the result's
            raise ResultTimeoutError(f"no result of job {job_id} within {timeout:g} s") from error
        if entry is None:
            raise ResultTimeoutError(f"there is no result of job {job_id} yet")
        return entry.value or b""

    async def list_results(self) -> list[ResultInfo]:
        """Return the stored results without their values, ordered by the job's id. Reads no pickle."""
        async with nats_kv_store(self._bucket, self.config) as kv:
            stored = await entries(kv)
        return [
            ResultInfo(
                job_id,
                stored_at(stored[job_id]),
                failed=Outcome.is_failure(stored[job_id].value or b""),
                size=len(stored[job_id].value or b""),
            )
            for job_id in sorted(stored)
        ]

    async def delete_result(self, job_id: str) -> bool:
        """Remove the result of a job; return whether there was one."""
        async with nats_kv_store(self._bucket, self.config) as kv:
            if await _entry(kv, job_id) is None:
                return False
            await kv.delete(job_id)
            return True

    async def purge_results(self) -> int:
        """Remove every result; return how many there were."""
        async with nats_jetstream(self.config) as (_, js):
            stored = await entries(await js.key_value(self._bucket), meta_only=True)
            return await _remove_up_to(js, self._bucket, list(stored.values()))

    async def cleanup_old_results(self, max_age_hours: float = 24) -> int:
        """Remove the results that were stored too long ago; return how many there were.

        Args:
            max_age_hours: the age in hours up to which a result stays.
        """
        async with nats_jetstream(self.config) as (conn, js):
            stored = await entries(await js.key_value(self._bucket), meta_only=True)
            limit = await server_time(conn, self._bucket) - timedelta(hours=max_age_hours)
            return await _remove_up_to(
                js,
                self._bucket,
                [entry for entry in stored.values() if stored_at(entry) < limit],
            )


async def _remove_up_to(js: JetStreamContext, bucket: str, old: list[KeyValue.Entry]) -> int:
    """Remove the oldest entries of the bucket, which these are, in one request."""
    if old:
        # By sequence: a result stored meanwhile has a higher one and stays.
        last = max(entry.revision or 0 for entry in old)
        await js.purge_stream(f"KV_{bucket}", seq=last + 1)
    return len(old)


async def _entry(kv: KeyValue, job_id: str) -> KeyValue.Entry | None:
    try:
        return await kv.get(job_id)
    except KeyNotFoundError:
        return None


async def _awaited_entry(conn: Client, kv: KeyValue, subject: str, job_id: str) -> KeyValue.Entry:
    # The message that stores a result, heard on its way: a watch would cost the server a
    # consumer for each who waits, and it allows about a thousand.
    stored = await conn.subscribe(subject)
    pause = 0.0
    while True:
        entry = await _entry(kv, job_id)
        if entry is not None:
            return entry
        if pause:
            # It has been heard: it will be there in no time.
            await asyncio.sleep(pause)
            pause = 2 * pause if pause < _LOOK_AGAIN / 4 else 0.0
            continue
        with suppress(TimeoutError):
            await stored.next_msg(timeout=_LOOK_AGAIN)
            pause = 0.001


def read_result(
    job_id: str, data: bytes, *, unpickle: bool = False, typed: Serializer | None = None
) -> Any:
    """Return the result of a job from its stored form.

    Args:
        job_id: the job's id.
        data: the stored form.
        unpickle: read pickles of any kind, which may run code; otherwise those of plain types.
        typed: reads JSON by an annotation.

    Raises:
        JobFailedError: the job has failed; it carries the worker's traceback.
        SerializationError: the result can't be read here.
    """
    try:
        outcome = Outcome.deserialize(data, unpickle=unpickle, typed=typed)
    except SerializationError as error:
        raise SerializationError(f"the result of job {job_id} is not read: {error}") from error
    if outcome.failure is not None:
        if outcome.failure.error_type == exception_name(JobCancelledError):
            raise JobCancelledError(f"job {job_id} was {outcome.failure.message}")
        raise JobFailedError(f"job {job_id} failed: {outcome.failure}", outcome.failure.traceback)
    return outcome.value
