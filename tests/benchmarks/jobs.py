"""The job that the benchmarks enqueue, and the worker processes that run it."""

from __future__ import annotations

import asyncio
import pickle
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import nats
from nats.js.api import AckPolicy, ConsumerConfig
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

import naq
from naq.otel import trace_job
from naq.prometheus import prometheus_metrics
from naq.worker import Worker

CONCURRENCY = 10


async def noop() -> None:
    """Do nothing."""


async def started_after(enqueued_at: float) -> float:
    """Return the seconds since then."""
    return time.time() - enqueued_at


async def add(number: int, *, by: int = 1) -> int:
    """Return a sum."""
    return number + by


@naq.task
async def typed_add(number: int, *, by: int = 1) -> int:
    """Return a sum."""
    return number + by


KNOWN = {"jobs:noop": noop}


async def naq_worker(url: str) -> None:
    """Run naq's worker, with everything that is on by default."""

    await Worker("default", url, concurrency=CONCURRENCY).run()


@asynccontextmanager
async def lifespan(_worker: Worker) -> AsyncIterator[str]:
    """Yield a state."""
    yield "state"


async def pass_on(subject: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
    """Do nothing: middleware of both kinds."""
    return await call_next(subject)


async def surrounded_worker(url: str) -> None:
    """Run naq's worker with a lifespan and middleware."""
    settings: dict[str, Any] = {"lifespan": lifespan, "middleware": [pass_on]}
    await Worker("default", url, concurrency=CONCURRENCY, **settings).run()


def export_spans_to_nowhere() -> None:
    """Set up OpenTelemetry: every span is recorded and handed to an exporter in batches."""

    class Nowhere(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Nowhere()))
    trace.set_tracer_provider(provider)


async def traced_worker(url: str) -> None:
    """Run naq's worker with a span around each job."""
    export_spans_to_nowhere()
    await Worker("default", url, concurrency=CONCURRENCY, middleware=[trace_job]).run()


async def measured_worker(url: str) -> None:
    """Run naq's worker with metrics for Prometheus."""
    await Worker("default", url, concurrency=CONCURRENCY, metrics=[prometheus_metrics()]).run()


async def bare_worker(url: str) -> None:
    """Do by hand, on nats-py, what naq promises: pull, result in a bucket, then the ack."""
    async with await nats.connect(url) as nc:
        js = nc.jetstream()
        results = await js.key_value("results")
        consumer = await js.pull_subscribe(
            "bare.>",
            "worker",
            stream="bare",
            config=ConsumerConfig(ack_policy=AckPolicy.EXPLICIT, max_ack_pending=10_000),
        )
        ready: asyncio.Queue[nats.aio.msg.Msg] = asyncio.Queue()

        async def work() -> None:
            while True:
                msg = await ready.get()
                call = pickle.loads(msg.data)
                value = await KNOWN[call["function"]](*call["args"], **call["kwargs"])
                await results.put(call["id"], pickle.dumps(value))
                await msg.ack()
                ready.task_done()

        workers = [asyncio.create_task(work()) for _ in range(CONCURRENCY)]
        while workers:
            try:
                for msg in await consumer.fetch(100, timeout=1):
                    ready.put_nowait(msg)
            except (nats.errors.TimeoutError, TimeoutError):
                continue
            await ready.join()


@contextmanager
def worker(kind: str, url: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker process."""
    with _running([sys.executable, __file__, kind, url]) as process:
        yield process


@contextmanager
def load(script: str, url: str, rate: float) -> Iterator[subprocess.Popen[bytes]]:
    """Run a benchmark's own script as a process that enqueues so many jobs a second."""
    with _running([sys.executable, script, "--load", url, str(rate)]) as process:
        yield process


@contextmanager
def _running(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


WORKERS = {
    "naq": naq_worker,
    "surrounded": surrounded_worker,
    "traced": traced_worker,
    "measured": measured_worker,
    "bare": bare_worker,
}

if __name__ == "__main__":
    asyncio.run(WORKERS[sys.argv[1]](sys.argv[2]))
