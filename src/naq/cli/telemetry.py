"""What the command line switches on for OpenTelemetry and Prometheus, where they are installed."""

from __future__ import annotations

import importlib.util

from naq.cli.output import fail
from naq.middleware import register_enqueue_middleware
from naq.worker.execute import JobMiddleware
from naq.worker.metrics import Metrics


def tracing(wanted: bool) -> list[JobMiddleware]:
    """Trace what this process enqueues, and return the middleware that traces its jobs."""
    if not wanted:
        return []
    if importlib.util.find_spec("opentelemetry") is None:
        fail("--otel needs OpenTelemetry: install naq[otel]")
    from naq.otel import instrument, trace_job

    instrument()
    return [trace_job]


def metrics_of(*, otel: bool, prometheus: bool) -> list[Metrics]:
    """Return those who collect metrics: for Prometheus where it is installed."""
    collectors: list[Metrics] = []
    if otel:
        from naq.otel import OtelMetrics

        collectors.append(OtelMetrics())
    if prometheus and has_prometheus():
        from naq.prometheus import prometheus_metrics

        collected = prometheus_metrics()
        register_enqueue_middleware(collected.count_enqueued)
        collectors.append(collected)
    return collectors


def has_prometheus() -> bool:
    """Whether the client of Prometheus is installed."""
    return importlib.util.find_spec("prometheus_client") is not None
