"""The results of the jobs that a job depends on, handed to it as its first arguments."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import APIError

from naq.exceptions import ParentFailedError, describe_error
from naq.jobs.lookup import stored_outcomes
from naq.models.job import Job
from naq.names import Names

logger = logging.getLogger("naq.worker")

FETCH_AGAIN_AFTER: Final = 1.0
"""Seconds between two attempts to fetch results, while the server does not answer."""


async def fetch_parent_results(
    conn: Client, js: JetStreamContext, names: Names, job: Job
) -> tuple[bytes | None, ...]:
    """Return the stored results of a job's parents; None for one that has not succeeded.

    Raises:
        ParentFailedError: a result is missing that the job cannot do without.
    """
    if not job.depends_on:
        return ()
    while True:
        try:
            found = await stored_outcomes(conn, js, names, job.depends_on)
            break
        except nats.errors.ConnectionClosedError:
            raise
        except (nats.errors.Error, APIError, TimeoutError) as error:
            logger.warning(
                "%s waits for the results of its parents: %s", job, describe_error(error)
            )
            await asyncio.sleep(FETCH_AGAIN_AFTER)
    kept = {parent: each.data for parent, each in found.items() if each.succeeded}
    missing = [parent for parent in job.depends_on if parent not in kept]
    if missing and job.on_parent_failure != "run":
        raise ParentFailedError(f"the result of job {missing[0]} has expired, or was not kept")
    return tuple(kept.get(parent) for parent in job.depends_on)
