"""What stands around a job costs: a lifespan with middleware, a trace, metrics.

Run it with ``python tests/benchmarks/around.py``. As in ``tasks.py`` ten enqueuers and one worker
process run jobs, each kind on a fresh server, in an order that changes from round to round; the figure
is CPU time, and each kind stands beside the plain function of the same round.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import jobs
from figures import Figures
from tasks import measure, plain, typed

from naq import register_enqueue_middleware, unregister_enqueue_middleware
from naq.otel import trace_enqueue
from naq.prometheus import prometheus_metrics


@dataclass(frozen=True)
class Kind:
    """What is measured.

    Args:
        one: enqueues a job.
        worker: the kind of its worker.
        around_enqueue: what stands around enqueueing.
        most: what it may cost, of the plain function.
    """

    one: Callable[[int], Awaitable[int]]
    worker: str
    around_enqueue: tuple[Any, ...] = ()
    most: float | None = None


KINDS = {
    "plain function": Kind(plain, "naq"),
    "lifespan, middleware": Kind(plain, "surrounded", (jobs.pass_on,), 1.05),
    "task, lifespan, middleware": Kind(typed, "surrounded", (jobs.pass_on,), 1.05),
    "tracing": Kind(plain, "traced", (trace_enqueue,), 1.25),
    "metrics": Kind(plain, "measured", (prometheus_metrics().count_enqueued,)),
}


@asynccontextmanager
async def registered(middleware: tuple[Any, ...]) -> AsyncIterator[None]:
    """Have middleware around enqueueing."""
    for each in middleware:
        register_enqueue_middleware(each)
    yield
    for each in middleware:
        unregister_enqueue_middleware(each)


async def main() -> int:
    """Measure, report, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="print what the site's page shows")
    options = parser.parse_args()
    jobs.export_spans_to_nowhere()
    costs: dict[str, list[float]] = {name: [] for name in KINDS}
    for round_ in range(options.rounds):
        for name in list(KINDS)[:: 1 if round_ % 2 else -1]:
            async with registered(KINDS[name].around_enqueue):
                cost = await measure(KINDS[name].one, options.jobs, KINDS[name].worker)
            costs[name].append(cost)
    figures = Figures()
    medians = {name: statistics.median(each) for name, each in costs.items()}
    figures.chart("CPU time of a job, end to end with its result", "µs", medians)
    base = costs["plain function"]
    for name, kind in KINDS.items():
        ratio = statistics.median(cost / of for cost, of in zip(costs[name], base, strict=True))
        if kind.most is not None:
            figures.goal(f"{name} / plain function, CPU time", ratio, kind.most)
    return figures.report()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
