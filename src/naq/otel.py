"""Traces and metrics by OpenTelemetry; needs the extra ``otel``.

This uses OpenTelemetry's API alone: the program configures the SDK and the exporters. The names of
spans and attributes follow the semantic conventions for messaging.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from opentelemetry import metrics, propagate, trace
from opentelemetry.trace import SpanKind

from naq.middleware import register_enqueue_middleware
from naq.models.job import Job
from naq.models.status import Enqueued
from naq.version import __version__
from naq.worker.context import JobContext
from naq.worker.metrics import AttemptEnd

_tracer: Final = trace.get_tracer("naq", __version__)
_meter: Final = metrics.get_meter("naq", __version__)

_enqueued: Final = _meter.create_counter(
    "naq.jobs.enqueued", "{job}", "Jobs that this process has enqueued."
)


def instrument() -> None:
    """Trace and count what this process enqueues. A second call changes nothing."""
    register_enqueue_middleware(trace_enqueue)
    register_enqueue_middleware(count_enqueued)


async def trace_enqueue(job: Job, call_next: Callable[[Job], Awaitable[Job]]) -> Job:
    """Open a span around enqueueing, and write its context into the headers of the job.

    Middleware for :func:`naq.register_enqueue_middleware`.
    """
    attributes = _attributes(job, "publish", "send")
    name = f"publish {job.queue}"
    with _tracer.start_as_current_span(name, kind=SpanKind.PRODUCER, attributes=attributes):
        headers: dict[str, str] = {}
        propagate.inject(headers)
        job.add_headers(headers)
        return await call_next(job)


async def count_enqueued(job: Job, call_next: Callable[[Job], Awaitable[Job]]) -> Job:
    """Count what the process enqueues. Middleware as :func:`trace_enqueue`."""
    enqueued = await call_next(job)
    if enqueued.enqueued in (Enqueued.NEW, None):
        _enqueued.add(1, _labels(job))
    return enqueued


async def trace_job(job: JobContext, call_next: Callable[[JobContext], Awaitable[Any]]) -> Any:
    """Open a span around an attempt, in the trace of the job's enqueuer.

    Middleware for :class:`naq.Worker`; put it first.
    """
    attributes = _attributes(job.job, "process", "process")
    attributes |= {"messaging.client.id": job.worker, "naq.job.attempt": job.attempt}
    with _tracer.start_as_current_span(
        f"process {job.job.queue}",
        context=propagate.extract(job.job.headers),
        kind=SpanKind.CONSUMER,
        attributes=attributes,
    ) as span:
        try:
            return await call_next(job)
        except BaseException as error:
            span.set_attribute("error.type", type(error).__qualname__)
            raise


class OtelMetrics:
    """Collects the metrics of a worker's jobs, for ``Worker(metrics=[...])``."""

    def __init__(self) -> None:
        counts = {
            AttemptEnd.COMPLETED: "Jobs that have completed.",
            AttemptEnd.FAILED: "Jobs that have failed for good.",
            AttemptEnd.RETRIED: "Failed attempts that are retried.",
            AttemptEnd.CANCELLED: "Jobs cancelled while they ran.",
            AttemptEnd.RETURNED: "Attempts that a worker broke off.",
        }
        self._ends = {
            end: _meter.create_counter(f"naq.jobs.{end}", "{job}", description)
            for end, description in counts.items()
        }
        self._duration = _meter.create_histogram(
            "naq.job.duration", "s", "Seconds that an attempt took."
        )
        self._waited = _meter.create_histogram(
            "naq.job.time_in_queue", "s", "Seconds from the queue to the first attempt."
        )
        self._running = _meter.create_up_down_counter(
            "naq.jobs.in_progress", "{job}", "Attempts that run."
        )

    def job_started(self, job: Job, waited: float | None) -> None:
        """Note that an attempt starts."""
        labels = _labels(job)
        self._running.add(1, labels)
        if waited is not None:
            self._waited.record(waited, labels)

    def job_ended(self, job: Job, end: AttemptEnd, duration: float | None) -> None:
        """Note that an attempt has ended."""
        labels = _labels(job)
        self._ends[end].add(1, labels)
        if duration is not None:
            self._running.add(-1, labels)
            self._duration.record(duration, labels)


def _labels(job: Job) -> dict[str, str]:
    return {"queue": job.queue, "task": job.function_name}


def _attributes(job: Job, operation: str, kind: str) -> dict[str, str | int]:
    return {
        "messaging.system": "naq",
        "messaging.operation.name": operation,
        "messaging.operation.type": kind,
        "messaging.destination.name": job.queue,
        "messaging.message.id": job.job_id,
        "naq.task": job.function_name,
    }
