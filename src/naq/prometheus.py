"""Metrics for Prometheus; needs the extra ``prometheus``.

A worker with a health port serves them at ``/metrics``. All of them have the labels ``queue`` and
``task``, which is the function's name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import CollectorRegistry

from naq.models.job import Job
from naq.models.status import Enqueued
from naq.worker.metrics import AttemptEnd
from naq.worker.probe import Answer

DURATIONS: Final = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900),
)
"""Upper bounds of the buckets of durations, in seconds."""

_LABELS: Final = ("queue", "task")
_metrics_of: dict[CollectorRegistry, PrometheusMetrics] = {}


class PrometheusMetrics:
    """Collects the metrics of jobs. A registry takes one; see :func:`prometheus_metrics`.

    Args:
        registry: the registry.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._registry = registry

        def counter(name: str, documentation: str) -> Counter:
            return Counter(name, documentation, _LABELS, registry=registry)

        def histogram(name: str, documentation: str) -> Histogram:
            return Histogram(name, documentation, _LABELS, registry=registry, buckets=DURATIONS)

        self._enqueued = counter("naq_jobs_enqueued", "Jobs that this process has enqueued.")
        self._ends = {
            AttemptEnd.COMPLETED: counter("naq_jobs_completed", "Jobs that have completed."),
            AttemptEnd.FAILED: counter("naq_jobs_failed", "Jobs that have failed for good."),
            AttemptEnd.RETRIED: counter("naq_jobs_retried", "Failed attempts that are retried."),
            AttemptEnd.CANCELLED: counter("naq_jobs_cancelled", "Jobs cancelled while they ran."),
            AttemptEnd.RETURNED: counter("naq_jobs_returned", "Attempts that a worker broke off."),
        }
        self._duration = histogram("naq_job_duration_seconds", "Seconds that an attempt took.")
        self._waited = histogram(
            "naq_job_time_in_queue_seconds", "Seconds from the queue to the first attempt."
        )
        self._running = Gauge(
            "naq_jobs_in_progress",
            "Attempts that run.",
            _LABELS,
            registry=registry,
            multiprocess_mode="livesum",
        )

    async def count_enqueued(self, job: Job, call_next: Callable[[Job], Awaitable[Job]]) -> Job:
        """Count what the process enqueues: middleware for ``register_enqueue_middleware``."""
        enqueued = await call_next(job)
        if enqueued.enqueued in (Enqueued.NEW, None):
            self._enqueued.labels(job.queue, job.function_name).inc()
        return enqueued

    def job_started(self, job: Job, waited: float | None) -> None:
        """Note that an attempt starts."""
        self._running.labels(job.queue, job.function_name).inc()
        if waited is not None:
            self._waited.labels(job.queue, job.function_name).observe(waited)

    def job_ended(self, job: Job, end: AttemptEnd, duration: float | None) -> None:
        """Note that an attempt has ended."""
        self._ends[end].labels(job.queue, job.function_name).inc()
        if duration is not None:
            self._running.labels(job.queue, job.function_name).dec()
            self._duration.labels(job.queue, job.function_name).observe(duration)

    def exposition(self) -> Answer:
        """Return the metrics of now, in Prometheus's text format."""
        return exposition(self._registry)


def prometheus_metrics(registry: CollectorRegistry = REGISTRY) -> PrometheusMetrics:
    """Return the metrics of a registry, always the same.

    Args:
        registry: the registry; the process's own by default.
    """
    if registry not in _metrics_of:
        _metrics_of[registry] = PrometheusMetrics(registry)
    return _metrics_of[registry]


def exposition(registry: CollectorRegistry) -> Answer:
    """Return the metrics of a registry, in Prometheus's text format."""
    return Answer(200, generate_latest(registry), CONTENT_TYPE_LATEST)
