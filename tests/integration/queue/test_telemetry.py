"""Traces and metrics of jobs, on a real server."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sysconfig
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from prometheus_client.registry import CollectorRegistry

import naq.sync
from naq import (
    Job,
    Queue,
    Worker,
    enqueue,
    enqueue_many,
    register_enqueue_middleware,
    unregister_enqueue_middleware,
)
from naq.otel import OtelMetrics, count_enqueued, instrument, trace_enqueue, trace_job
from naq.prometheus import PrometheusMetrics
from naq.queue.control import cancel_job, get_job
from naq.worker.metrics import AttemptEnd

NAQ = Path(sysconfig.get_path("scripts")) / "naq"
DASHBOARD = Path(__file__).parents[3] / "docs" / "naq" / "grafana.json"

exporter = InMemorySpanExporter()
reader = InMemoryMetricReader()


@pytest.fixture(scope="module", autouse=True)
def _sdk() -> Iterator[None]:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    measuring = MeterProvider([reader])
    metrics.set_meter_provider(measuring)
    yield
    measuring.shutdown()


@pytest.fixture(autouse=True)
def _instrumented() -> Iterator[None]:
    exporter.clear()
    instrument()
    instrument()
    yield
    unregister_enqueue_middleware(trace_enqueue)
    unregister_enqueue_middleware(count_enqueued)


tracer = trace.get_tracer("app")
ME = __name__


async def in_the_loop() -> None:
    with tracer.start_as_current_span("inside"):
        pass


def in_a_thread() -> None:
    with tracer.start_as_current_span("inside"):
        pass


def fail() -> None:
    raise ConnectionError("refused")


async def hold(seconds: float) -> None:
    await asyncio.sleep(seconds)


async def enqueue_another(url: str) -> None:
    await enqueue(in_the_loop, config=url)


async def work(url: str, **settings: Any) -> None:
    await Worker(config=url, burst=True, middleware=[trace_job], **settings).run()


def spans(name: str) -> list[ReadableSpan]:
    return [span for span in exporter.get_finished_spans() if span.name == name]


def parent_of(span: ReadableSpan) -> int:
    assert span.parent is not None
    return span.parent.span_id


def id_of(span: ReadableSpan) -> int:
    assert span.context is not None
    return span.context.span_id


@pytest.mark.parametrize("function", [in_the_loop, in_a_thread])
async def test_a_trace_goes_from_the_enqueuer_into_the_job(url: str, function: Any) -> None:
    with tracer.start_as_current_span("request"):
        await Queue("mail", url).enqueue(function)
    await work(url, queues="mail")
    (request,), (published,) = spans("request"), spans("publish mail")
    (processed,), (inside,) = spans("process mail"), spans("inside")
    chain = [parent_of(span) for span in (published, processed, inside)]
    assert chain == [id_of(span) for span in (request, published, processed)]
    assert published.kind is SpanKind.PRODUCER
    assert processed.kind is SpanKind.CONSUMER


async def test_spans_follow_the_conventions_for_messaging(url: str) -> None:
    job = await enqueue(in_the_loop, config=url)
    await work(url, worker_id="w")
    (published,), (processed,) = spans("publish default"), spans("process default")
    common = {
        "messaging.system": "naq",
        "messaging.destination.name": "default",
        "messaging.message.id": job.job_id,
        "naq.task": f"{ME}:in_the_loop",
    }
    assert published.attributes == common | {
        "messaging.operation.name": "publish",
        "messaging.operation.type": "send",
    }
    assert processed.attributes == common | {
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.client.id": "w",
        "naq.job.attempt": 1,
    }


async def test_each_attempt_is_a_span_with_its_error(url: str) -> None:
    await enqueue(fail, retries=1, config=url)
    await work(url)
    attempts = spans("process default")
    assert [(span.attributes or {})["naq.job.attempt"] for span in attempts] == [1, 2]
    for span in attempts:
        assert (span.attributes or {})["error.type"] == "ConnectionError"
        assert span.status.status_code is StatusCode.ERROR
        assert span.events[0].name == "exception"
    assert len({parent_of(span) for span in attempts}) == 1


async def test_a_job_that_enqueues_continues_the_trace(url: str) -> None:
    await enqueue(enqueue_another, url, config=url)
    await work(url)
    everything = exporter.get_finished_spans()
    assert len(everything) == 5
    assert len({span.context.trace_id for span in everything if span.context}) == 1


async def test_each_of_many_has_a_span(url: str) -> None:
    await enqueue_many([Job(in_the_loop) for _ in range(3)], config=url)
    await work(url)
    published = {id_of(span) for span in spans("publish default")}
    assert len(published) == 3
    assert {parent_of(span) for span in spans("process default")} == published


def test_an_enqueue_without_async_is_in_the_trace_of_its_caller(
    nats_server: naq.server.NatsServer,
) -> None:
    with tracer.start_as_current_span("request"):
        naq.sync.enqueue(in_the_loop, config=nats_server.url)
    naq.sync.close()
    (request,), (published,) = spans("request"), spans("publish default")
    assert parent_of(published) == id_of(request)


async def test_a_job_without_a_trace_begins_one(url: str) -> None:
    unregister_enqueue_middleware(trace_enqueue)
    await enqueue(in_the_loop, config=url)
    await work(url)
    (processed,) = spans("process default")
    assert processed.parent is None


def otel_values() -> dict[str, float]:
    data = reader.get_metrics_data()
    assert data is not None
    values: dict[str, float] = {}
    for metric in data.resource_metrics[0].scope_metrics[0].metrics:
        for point in metric.data.data_points:
            if (point.attributes or {}).get("queue") == "metered":
                count = getattr(point, "count", None)
                value = getattr(point, "value", None) if count is None else count
                values[metric.name] = values.get(metric.name, 0) + (value or 0)
    return values


class Collected:
    """Counts what happens to jobs, and how many run."""

    def __init__(self) -> None:
        self.waited: list[float | None] = []
        self.ends: list[AttemptEnd] = []
        self.durations: list[float | None] = []

    def job_started(self, _job: Job, waited: float | None) -> None:
        self.waited.append(waited)

    def job_ended(self, _job: Job, end: AttemptEnd, duration: float | None) -> None:
        self.ends.append(end)
        self.durations.append(duration)


async def run_some_of_each(url: str, *collectors: Any) -> None:
    queue = Queue("metered", url)
    for collector in collectors:
        if isinstance(collector, PrometheusMetrics):
            register_enqueue_middleware(collector.count_enqueued)
    await queue.enqueue(in_the_loop)
    await queue.enqueue(in_a_thread)
    await queue.enqueue(fail, retries=1)
    worker = Worker("metered", url, metrics=collectors, shutdown_timeout=0.1)
    running = asyncio.create_task(worker.run())
    held = await queue.enqueue(hold, 60)
    async with asyncio.timeout(20):
        while (info := await get_job(held.job_id, url)) is None or info.status != "running":  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        assert await cancel_job(held.job_id, url)
        held = await queue.enqueue(hold, 60)
        while (info := await get_job(held.job_id, url)) is None or info.status != "running":  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    worker.stop()
    await running
    for collector in collectors:
        if isinstance(collector, PrometheusMetrics):
            unregister_enqueue_middleware(collector.count_enqueued)


async def test_metrics_count_every_end_of_an_attempt(url: str) -> None:
    collected, registry = Collected(), CollectorRegistry()
    await run_some_of_each(url, collected, OtelMetrics(), PrometheusMetrics(registry))
    counts = {end.value: collected.ends.count(end) for end in AttemptEnd}
    expected = {"completed": 2, "failed": 1, "retried": 1, "cancelled": 1, "returned": 1}
    assert counts == expected
    assert collected.waited.count(None) == 1
    assert all(waited is None or 0 <= waited < 30 for waited in collected.waited)
    assert all(duration is not None for duration in collected.durations)

    found = otel_values()
    assert {end: found[f"naq.jobs.{end}"] for end in expected} == expected
    assert found["naq.jobs.enqueued"] == 5
    assert found["naq.jobs.in_progress"] == 0
    assert (found["naq.job.duration"], found["naq.job.time_in_queue"]) == (6, 5)

    def value(name: str) -> float:
        return sum(
            sample.value
            for metric in registry.collect()
            for sample in metric.samples
            if sample.name == name
        )

    assert {end: value(f"naq_jobs_{end}_total") for end in expected} == expected
    assert value("naq_jobs_enqueued_total") == 5
    assert value("naq_jobs_in_progress") == 0
    assert value("naq_job_duration_seconds_count") == 6
    assert value("naq_job_time_in_queue_seconds_count") == 5


async def test_time_in_queue_is_from_the_queue_to_the_start(url: str) -> None:
    collected = Collected()
    await enqueue(in_the_loop, config=url)
    await asyncio.sleep(0.5)
    await work(url, metrics=[collected])
    (waited,) = collected.waited
    assert waited is not None
    assert 0.5 <= waited < 10


async def test_metrics_that_raise_do_no_harm(url: str, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Collected):
        def job_started(self, _job: Job, waited: float | None) -> None:
            raise ValueError("no metrics")

    collected = Broken()
    await enqueue(in_the_loop, config=url)
    await work(url, metrics=[collected])
    assert collected.ends == [AttemptEnd.COMPLETED]
    assert "the metrics of Job" in caplog.text


async def test_the_health_port_serves_the_metrics(url: str, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("def f(): pass\n")
    await enqueue("app:f", config=url)
    command = [NAQ, "worker", "--url", url, "--health-port", "0", "--health-host", "127.0.0.1"]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=tmp_path, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    port = re.search(rb"port (\d+)", await process.stderr.readline())
    assert port is not None

    def scrape() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{int(port[1])}/metrics") as response:
            text: str = response.read().decode()
            return text

    try:
        async with asyncio.timeout(20):
            wanted = 'naq_jobs_completed_total{queue="default",task="app:f"} 1.0'
            while wanted not in await asyncio.to_thread(scrape):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    finally:
        process.terminate()
        await process.communicate()
    assert process.returncode == 0


async def test_the_option_traces_a_worker_without_an_sdk(url: str) -> None:
    await enqueue("math:sqrt", 4, config=url)
    done = await asyncio.to_thread(
        subprocess.run,
        [NAQ, "worker", "--otel", "--burst", "--url", url],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert "1 completed, 0 failed" in done.stderr


def test_the_dashboard_queries_metrics_that_exist() -> None:
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    registry = CollectorRegistry()
    counted = PrometheusMetrics(registry)
    job = Job("app:f")
    counted.job_started(job, 1.0)
    for end in AttemptEnd:
        counted.job_ended(job, end, 1.0)
    asyncio.run(counted.count_enqueued(job, _enqueued))
    exist = {sample.name for metric in registry.collect() for sample in metric.samples}
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    queries += [
        variable["query"]["query"]
        for variable in dashboard["templating"]["list"]
        if variable["type"] == "query"
    ]
    used = {name for query in queries for name in re.findall(r"\bnaq_\w+", query)}
    assert used <= exist
    created = {name for name in exist if name.endswith("_created")}
    shown_otherwise = {"naq_job_time_in_queue_seconds_count", "naq_job_time_in_queue_seconds_sum"}
    shown_otherwise |= {"naq_job_duration_seconds_count"}
    assert exist - created - shown_otherwise == used
    labels = {label for query in queries for label in re.findall(r"by \(([^)]*)\)", query)}
    assert {name.strip() for each in labels for name in each.split(",")} <= {"queue", "task", "le"}


async def _enqueued(job: Job) -> Job:
    return job
