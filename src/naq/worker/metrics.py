"""Metrics of a worker's jobs, for those who collect them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from enum import StrEnum
from typing import Protocol

from naq.models.job import Job
from naq.worker.delivery import Delivery

logger = logging.getLogger("naq.worker")


class AttemptEnd(StrEnum):
    """The end of an attempt."""

    COMPLETED = "completed"
    FAILED = "failed"
    """The job has failed for good."""
    RETRIED = "retried"
    """The attempt has failed, and the job is to run again."""
    CANCELLED = "cancelled"
    RETURNED = "returned"
    """The worker has broken it off; another one runs the job."""


class Metrics(Protocol):
    """Collects what happens to a worker's jobs. Its methods are called in the event loop."""

    def job_started(self, job: Job, waited: float | None) -> None:
        """Note that an attempt starts.

        Args:
            job: the job.
            waited: for a first attempt the seconds since the server stored the job in its queue;
                None for later ones.
        """

    def job_ended(self, job: Job, end: AttemptEnd, duration: float | None) -> None:
        """Note that an attempt has ended.

        Args:
            job: the job.
            end: how it has ended.
            duration: its seconds; None for a job that fails without an attempt, since too many
                workers have died of it.
        """


class Meter:
    """Hands what happens to the attempts of a worker to those who collect metrics.

    Args:
        collectors: those who collect them.
    """

    def __init__(self, collectors: Iterable[Metrics] = ()) -> None:
        self._collectors = tuple(collectors)
        self._running: set[Delivery] = set()

    def started(self, delivery: Delivery) -> None:
        """Note that an attempt starts."""
        if not self._collectors:
            return
        self._running.add(delivery)
        waited = None
        if delivery.delivered == 1:
            waited = max(time.time() - delivery.enqueued_at / 1e9, 0.0)
        for each in self._collectors:
            try:
                each.job_started(delivery.job, waited)
            except Exception:
                logger.exception("the metrics of %s are not collected", delivery.job)

    def ended(self, delivery: Delivery, end: AttemptEnd) -> None:
        """Note that an attempt has ended, or that a job ends without one."""
        if not self._collectors:
            return
        self._running.discard(delivery)
        duration = time.monotonic() - delivery.started_at if delivery.started_at else None
        for each in self._collectors:
            try:
                each.job_ended(delivery.job, end, duration)
            except Exception:
                logger.exception("the metrics of %s are not collected", delivery.job)

    def forget(self, delivery: Delivery) -> None:
        """Note that an attempt is over whose end could not be stored."""
        if delivery in self._running:
            self.ended(delivery, AttemptEnd.RETURNED)
