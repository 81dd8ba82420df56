"""The progress of running jobs: the key-value bucket ``job_progress``."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import AsyncGenerator
from dataclasses import asdict, dataclass

from nats.js.errors import KeyNotFoundError
from nats.js.kv import KeyValue

from naq.buckets import ensure_buckets, in_bucket, watching
from naq.config import Config, as_config
from naq.connection import nats_kv_store
from naq.exceptions import JobError, SerializationError
from naq.models.status import JOB_STATUS
from naq.queue.control import get_job
from naq.worker.context import current_job

_ENDS = (JOB_STATUS.COMPLETED, JOB_STATUS.FAILED, JOB_STATUS.CANCELLED)

_LOOK_AGAIN = 2.0
"""Seconds after which a watch asks instead of listening: it takes 15 s to survive a restart."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a job.

    Args:
        fraction: the part that is done, 0 to 1.
        message: the current step.
        updated_at: seconds since the epoch.
    """

    fraction: float
    message: str = ""
    updated_at: float = 0.0

    def serialize(self) -> bytes:
        """Return the progress as JSON."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def deserialize(cls, data: bytes | None) -> Progress:
        """Read a progress.

        Raises:
            SerializationError: the bytes are no progress.
        """
        try:
            return cls(**json.loads(data or b""))
        except (ValueError, TypeError) as error:
            raise SerializationError(f"no progress: {(data or b'')[:40]!r}") from error


def report_progress(fraction: float, message: str = "") -> None:
    """Report the progress of the running job; cheap, from any of its threads.

    The worker publishes the latest report, five times a second at most. Outside of a job nothing
    happens.

    Args:
        fraction: the part that is done, 0 to 1.
        message: the current step.

    Raises:
        JobError: the fraction is not from 0 to 1.
    """
    if not 0 <= fraction <= 1 or math.isnan(fraction):
        raise JobError(f"a progress is from 0 to 1, not {fraction!r}")
    context = current_job()
    if context is not None:
        context.report(Progress(fraction, message, time.time()).serialize())


async def get_progress(job_id: str, config: Config | str | None = None) -> Progress | None:
    """Return the progress that a job has reported, or None.

    Args:
        job_id: the job's id.
        config: a configuration, a URL, or None for the process's configuration.

    Raises:
        NaqConnectionError: there is no connection.
    """

    async def get(kv: KeyValue) -> Progress | None:
        try:
            return Progress.deserialize((await kv.get(job_id)).value)
        except KeyNotFoundError:
            return None

    settings = as_config(config)
    return await in_bucket(settings.names.job_progress, settings, get)


async def watch_progress(
    job_id: str, config: Config | str | None = None
) -> AsyncGenerator[Progress]:
    """Yield the progress of a job, now and at each change, until it is 1 or the job has ended.

    Args:
        job_id: the job's id.
        config: a configuration, a URL, or None for the process's configuration.

    Raises:
        JobError: nothing is known of the job.
        NaqConnectionError: there is no connection.
    """
    settings = as_config(config)
    await ensure_buckets(settings, (settings.names.job_progress,))
    seen: Progress | None = None
    async with (
        nats_kv_store(settings.names.job_progress, settings) as kv,
        watching(kv, job_id) as watcher,
    ):
        while seen is None or seen.fraction < 1:
            now: Progress | None = None
            try:
                async with asyncio.timeout(_LOOK_AGAIN):
                    entry = await anext(watcher)
                    if entry is not None and entry.operation is None:
                        now = Progress.deserialize(entry.value)
            except TimeoutError:
                now = await get_progress(job_id, settings)
                if now in (None, seen) and await _has_ended(job_id, settings, known=seen):
                    return
            if now is not None and now != seen:
                seen = now
                yield now


async def _has_ended(job_id: str, config: Config, known: Progress | None) -> bool:
    info = await get_job(job_id, config)
    if info is None and known is None:
        raise JobError(f"nothing is known of a job {job_id!r}")
    return info is None or info.status in _ENDS
