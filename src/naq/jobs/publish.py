"""Putting jobs into the stream of jobs, in one of three ways.

`enqueue_job` puts one in, through an election or an outage. `publish_jobs` puts many in, without a
wait for each. `publish_job` is one attempt on a connection that is there: what `enqueue_job`
repeats, and what schedules, dependent jobs and failed jobs are put in by.
"""

from __future__ import annotations

import asyncio
import logging
import reprlib
from collections import deque
from collections.abc import Iterable
from typing import Final

import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import Header
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError

from naq.config import Config
from naq.connection import nats_connection
from naq.connection.nats_py.client import PermissionDeniedError, size_of_headers
from naq.exceptions import (
    JobError,
    NaqAuthorizationError,
    NaqJetStreamError,
    NaqTimeoutError,
    SerializationError,
)
from naq.jobs.lookup import stored_outcome
from naq.jobs.patience import ELECTIONS, with_retries
from naq.middleware import around_enqueue
from naq.models.job import Job
from naq.models.status import Enqueued
from naq.pipeline import PublishPipeline
from naq.setup import warn_if_less
from naq.streams import DUPLICATE_WINDOW, ensure_stream, job_stream

logger = logging.getLogger("naq.queue")

WINDOW: Final = 1000
"""How many unacknowledged jobs a pipelined enqueue has under way."""

_MSG_ID: Final = Header.MSG_ID.value

_STILL_QUEUED: Final = 10077
"""nats-server's code for "maximum messages per subject exceeded"."""

_compared: set[Config] = set()
"""The configurations whose stream of jobs was compared with the server's."""

_HEADERS_TO_COME: Final = 128
"""Bytes: a job that is enqueued again, or updated in a bucket, has other headers."""

_MOST_HEADERS: Final = 1024
"""Bytes that those and the message id take at most."""


def check_size(conn: Client, job_id: str, size: int, stored: int = 0) -> None:
    """Refuse a job that does not fit into a message of the server.

    Args:
        conn: the connection, which knows the server's limit.
        job_id: the job's id.
        size: bytes of the job's wire form.
        stored: bytes of the form in which it is stored first, where that is a longer one.

    Raises:
        JobError: the job does not fit.
    """
    if max(size, stored) + _MOST_HEADERS <= conn.max_payload:
        return  # as nearly always: the headers need not be counted for that
    room = conn.max_payload - _HEADERS_TO_COME - size_of_headers({_MSG_ID: job_id})
    if max(size, stored) > room:
        as_stored = f" ({stored} as it is stored)" if stored > size else ""
        raise JobError(
            f"job {job_id} has {size} bytes{as_stored}, and {room} fit into a message of the "
            f"server beside its headers (max_payload {conn.max_payload}): store large arguments "
            "elsewhere, for example in an object store, and pass a reference"
        )


async def enqueue_job(job: Job, config: Config, *, again: bool = False) -> Enqueued:
    """Enqueue a job, through an election or an outage, and return the result.

    Args:
        job: the job.
        config: the configuration.
        again: run it again although a job of this id ended within the last two minutes.

    Raises:
        JobError: the job is larger than the server takes, or the stream refuses it.
        SerializationError: the job's serializer cannot write the call.
        NaqConnectionError: there is no connection, or the server did not answer in time.
    """
    # One message id for all attempts, so the server recognises a repeated one.
    message_id: str | None = f"{job.job_id} again {job.created_at!r}"
    attempts = 0

    async def publish(conn: Client, js: JetStreamContext, wait: float) -> Enqueued:
        nonlocal attempts, message_id
        attempts += 1
        check_size(conn, job.job_id, len(job.serialize()))
        await _compare_once(js, config)
        if attempts == 1 and not again:
            message_id = await _message_id_of(js, config, job)
        if message_id is None:
            return Enqueued.DONE
        if await publish_job(js, config, job, message_id, timeout=wait):
            return Enqueued.NEW
        found = await _stored_created_at(js, config, job)
        if attempts > 1 and found in (None, job.created_at):
            return Enqueued.NEW  # an earlier attempt stored it, and its answer was lost
        return Enqueued.DONE if found is None else Enqueued.QUEUED

    job.enqueued = await with_retries(config, f"enqueue job {job.job_id}", publish)
    if job.enqueued is Enqueued.DONE and job.unique is None:
        logger.warning(
            "job %s is not enqueued: one of this id ended within the last %g s; "
            "enqueue it with again=True for a new run", job.job_id, DUPLICATE_WINDOW,
        )  # fmt: skip
    return job.enqueued


def _message_id(job: Job) -> str:
    """Return what the server recognises a repeated job by, besides the job in the queue."""
    return job.job_id if job.unique is None else f"{job.job_id} at {job.created_at!r}"


async def _compare_once(js: JetStreamContext, config: Config) -> None:
    if config.replicas > 1 and config not in _compared:
        _compared.add(config)
        await warn_if_less(js, config, (config.names.job_stream,))


async def _message_id_of(js: JetStreamContext, config: Config, job: Job) -> str | None:
    """Return the message id of a job; None if it is not to run, for another one's time is not over."""
    if not job.unique:
        return _message_id(job)
    _check_window(job, config)
    before = await stored_outcome(js, config.names, job.job_id)
    if before is not None and before.covers(job):
        return None
    # Of all who find the same run before theirs, the server takes one job.
    return f"{job.job_id} after {before.created if before else 0!r}"


def _check_window(job: Job, config: Config) -> None:
    kept = config.result_ttl if job.result_ttl is None else min(job.result_ttl, config.result_ttl)
    if job.unique and kept and job.unique > kept:
        raise JobError(
            f"job {job.job_id} is unique for {job.unique:g} s, and its result is kept for "
            f"{kept:g} s only: raise result_ttl"
        )


async def _stored_created_at(js: JetStreamContext, config: Config, job: Job) -> float | None:
    """Return when the job that is in the queue under this id was made; None if there is none."""
    try:
        subject = config.names.job_subject(job.queue, job.job_id)
        message = await js.get_last_msg(config.names.job_stream, subject)
        return Job.deserialize(message.data or b"").created_at
    except NotFoundError:
        return None
    except SerializationError:
        return 0.0  # somebody else's, or of a newer naq


async def publish_job(
    js: JetStreamContext,
    config: Config,
    job: Job,
    message_id: str | None = None,
    *,
    timeout: float | None = None,
) -> bool:
    """Put a job into its queue and wait until the server has stored it.

    Args:
        js: the JetStream context.
        config: the configuration.
        job: the job.
        message_id: the server recognises duplicates by it; the job's id by default.
        timeout: seconds that the server may take to answer; None is the configuration's.

    Returns:
        Whether it is new there; False when the job was in the queue, or went into it within the
        last two minutes.

    Raises:
        JobError: the job is larger than the server takes, or the stream refuses it.
        SerializationError: the job's serializer cannot write the call.
        NaqJetStreamError: the server has no JetStream, or it is out of order.
        nats.js.errors.NoStreamResponseError: nobody answers: an election.
        nats.errors.TimeoutError: the server does not answer.
    """
    subject = config.names.job_subject(job.queue, job.job_id)
    data = job.serialize()
    headers = {_MSG_ID: message_id or job.job_id}
    try:
        try:
            ack = await js.publish(subject, data, timeout, headers=headers)
        except NoStreamResponseError:
            await ensure_stream(js, job_stream(config))
            ack = await js.publish(subject, data, timeout, headers=headers)
    except NaqJetStreamError:
        raise
    except APIError as error:
        if error.err_code == _STILL_QUEUED:
            return False
        if error.err_code in ELECTIONS:
            raise
        raise _refused(job, error) from error
    except nats.errors.MaxPayloadError as error:
        raise JobError(f"job {job.job_id} is larger than the server takes in a message") from error
    return not ack.duplicate


async def publish_jobs(jobs: Iterable[Job], config: Config) -> int:
    """Put many jobs into their queues, without a wait for each.

    Returns:
        How many of them are new there.

    Raises:
        JobError: a job is too large, was refused, or depends on others; the message names it,
            and how many were enqueued before it.
        SerializationError: a job's serializer cannot write the call.
        NaqConnectionError: there is no connection, or the server did not answer in time.
    """

    async def prepare(_conn: Client, js: JetStreamContext, _wait: float) -> None:
        await ensure_stream(js, job_stream(config))

    await with_retries(config, "enqueue", prepare)
    async with (
        nats_connection(config) as conn,
        PublishPipeline(conn, give_up=config.enqueue_timeout) as pipeline,
    ):
        batch = _Batch(config)

        async def put(job: Job) -> Job:
            _check_independent(job)
            data = job.serialize()
            check_size(conn, job.job_id, len(data))
            subject = config.names.job_subject(job.queue, job.job_id)
            batch.add(job, await pipeline.publish(subject, data, {_MSG_ID: _message_id(job)}))
            return job

        for job in jobs:
            try:
                _check_is_job(job)
                await around_enqueue(put)(job)
            except (JobError, SerializationError) as error:
                await batch.settle(0)  # the jobs before it count
                raise type(error)(f"{error}{batch.enqueued_before}") from error
            if len(batch) >= WINDOW:
                await batch.settle(WINDOW // 2)
        await batch.settle(0)
    return batch.new


def _check_is_job(job: object) -> None:
    if not isinstance(job, Job):
        raise JobError(f"expected a job, got {reprlib.repr(job)}")


def _check_independent(job: Job) -> None:
    if job.depends_on:
        raise JobError(f"job {job.job_id} depends on others: enqueue it by itself")


class _Batch:
    """Jobs on their way, oldest first.

    Args:
        config: the configuration.
    """

    def __init__(self, config: Config) -> None:
        self.new = 0
        self._config = config
        self._settled = 0
        self._window: deque[tuple[Job, asyncio.Future[bool]]] = deque()

    def __len__(self) -> int:
        return len(self._window)

    def add(self, job: Job, future: asyncio.Future[bool]) -> None:
        """Add a job and the future of its acknowledgement."""
        self._window.append((job, future))

    @property
    def enqueued_before(self) -> str:
        """Words for how many are enqueued."""
        return f"; {self._settled} jobs before it are enqueued"

    async def settle(self, rest: int) -> None:
        """Wait for acknowledgements until so many jobs are left.

        Raises:
            JobError: the server refuses a job.
            NaqConnectionError: the server did not acknowledge a job in time.
        """
        while len(self._window) > rest:
            job, future = self._window.popleft()
            try:
                self.new += await future
            except APIError as error:
                if error.err_code != _STILL_QUEUED:
                    self._window.clear()
                    raise _refused(job, error, self.enqueued_before) from error
            except PermissionDeniedError as error:
                self._window.clear()
                raise NaqAuthorizationError(
                    f"cannot enqueue job {job.job_id}: {error}{self.enqueued_before}"
                ) from error
            except (nats.errors.TimeoutError, NoStreamResponseError) as error:
                self._window.clear()
                raise NaqTimeoutError(
                    f"the server did not acknowledge job {job.job_id} within "
                    f"{self._config.enqueue_timeout:g} s{self.enqueued_before}"
                ) from error
            self._settled += 1


def _refused(job: Job, error: APIError, enqueued: str = "") -> JobError:
    return JobError(f"the server refuses job {job.job_id}: {error.description}{enqueued}")
