"""Putting jobs into the stream of jobs."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Final

import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import Header, PubAck
from nats.js.errors import APIError, NoStreamResponseError

from naq.exceptions import JobError, NaqJetStreamError
from naq.models.job import Job
from naq.names import job_subject
from naq.pipeline import PublishPipeline
from naq.streams import ensure_stream, job_stream

WINDOW: Final = 1000
"""How many unacknowledged jobs a pipelined enqueue has under way."""

GIVE_UP: Final = 15.0
"""Seconds for which publishing is tried again: an election of a leader takes 4 to 7."""

_MSG_ID: Final = Header.MSG_ID.value

_STILL_QUEUED: Final = 10077
"""nats-server's code for "maximum messages per subject exceeded"."""


async def publish_job(
    js: JetStreamContext, job: Job, message_id: str | None = None, *, replicas: int = 1
) -> bool:
    """Put a job into its queue and wait until the server has stored it.

    Args:
        js: the JetStream context.
        job: the job.
        message_id: what the server tells duplicates by; the job's id by default.
        replicas: copies that the servers keep, should the stream have to be made.

    Returns:
        Whether it is new there; False when the job was in the queue, or went into it within the
        last two minutes.

    Raises:
        JobError: the job is larger than the server takes, or the stream refuses it.
        SerializationError: the job's serializer cannot write the call.
        NaqJetStreamError: the server has no JetStream, or it is out of order.
        nats.errors.TimeoutError: the server does not answer.
    """
    subject = job_subject(job.queue, job.job_id)
    data = job.serialize()
    headers = {_MSG_ID: message_id or job.job_id}
    try:
        try:
            ack = await js.publish(subject, data, headers=headers)
        except NoStreamResponseError:
            await ensure_stream(js, job_stream(replicas))
            ack = await _publish_patiently(js, subject, data, headers)
    except NaqJetStreamError:
        raise
    except APIError as error:
        if error.err_code == _STILL_QUEUED:
            return False
        raise _refused(job, error) from error
    except nats.errors.MaxPayloadError as error:
        raise _too_large(job) from error
    return not ack.duplicate


async def _publish_patiently(
    js: JetStreamContext, subject: str, data: bytes, headers: dict[str, str]
) -> PubAck:
    """Publish, and bear with an election: nobody answers while a stream has no leader."""
    async with asyncio.timeout(GIVE_UP):
        while True:
            try:
                return await js.publish(subject, data, headers=headers)
            except NoStreamResponseError:
                await asyncio.sleep(0.1)


async def publish_jobs(
    conn: Client, js: JetStreamContext, jobs: Iterable[Job], *, replicas: int = 1
) -> int:
    """Put many jobs into their queues, without a wait for each.

    Returns:
        How many of them are new there.

    Raises:
        JobError: a job was refused, or depends on others; the message says which, and how many
            were enqueued before it.
        SerializationError: a job's serializer cannot write the call.
    """
    await ensure_stream(js, job_stream(replicas))
    window: deque[tuple[Job, asyncio.Future[bool]]] = deque()
    settled = new = 0

    async def settle(rest: int) -> None:
        nonlocal settled, new
        while len(window) > rest:
            job, future = window.popleft()
            try:
                new += await future
            except APIError as error:
                if error.err_code != _STILL_QUEUED:
                    raise _refused(job, error, settled) from error
            except (nats.errors.TimeoutError, NoStreamResponseError) as error:
                raise JobError(
                    f"the server did not acknowledge job {job.job_id} within {GIVE_UP:g} s"
                    f"{_enqueued(settled)}"
                ) from error
            settled += 1

    async with PublishPipeline(conn, give_up=GIVE_UP) as pipeline:
        for job in jobs:
            if job.depends_on:
                await settle(0)
                raise JobError(
                    f"job {job.job_id} depends on others: enqueue it by itself{_enqueued(settled)}"
                )
            try:
                future = await pipeline.publish(
                    job_subject(job.queue, job.job_id),
                    job.serialize(),
                    {_MSG_ID: job.job_id},
                )
            except nats.errors.MaxPayloadError as error:
                raise _too_large(job) from error
            window.append((job, future))
            if len(window) >= WINDOW:
                await settle(WINDOW // 2)
        await settle(0)
    return new


def _enqueued(before: int) -> str:
    return f"; {before} jobs before it are enqueued"


def _refused(job: Job, error: APIError, before: int | None = None) -> JobError:
    enqueued = "" if before is None else _enqueued(before)
    return JobError(f"the server refuses job {job.job_id}: {error.description}{enqueued}")


def _too_large(job: Job) -> JobError:
    return JobError(
        f"job {job.job_id} has {len(job.serialize())} bytes, more than the server takes in one "
        "message: store its arguments elsewhere and pass a reference"
    )
