"""The cost of a lease: beside a handle that is held, and beside a connection made for each call.

Run on a quiet machine: ``python tests/benchmarks/leases.py``. The ways are measured by turns, so
that whatever else the machine does meets them alike; figures are medians. Exits with 1 when a
goal is missed. With ``--json`` it prints what the site's page shows.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable

import nats
from figures import Figures

from naq.buckets import ensure_buckets
from naq.config import Config
from naq.connection import nats_connection, nats_jetstream, nats_kv_store
from naq.server import run_nats_server

ROUNDS = 60
PUTS = 50
FRESH = 5
TASKS = 100
PUTS_A_TASK = 5
LEASES = 100
BUCKET = "benchmark"
VALUE = b"x" * 128

Way = Callable[[], Awaitable[object]]


async def timed(way: Way, times: int) -> float:
    """Return the seconds of one call, of a row of calls."""
    began = time.perf_counter()
    for _ in range(times):
        await way()
    return (time.perf_counter() - began) / times


async def timed_together(way: Way) -> float:
    """Return the seconds of one call, of many tasks that call by themselves."""

    async def several() -> None:
        for _ in range(PUTS_A_TASK):
            await way()

    began = time.perf_counter()
    await asyncio.gather(*(several() for _ in range(TASKS)))
    return (time.perf_counter() - began) / TASKS / PUTS_A_TASK


async def measure(url: str) -> dict[str, float]:
    """Return the median seconds of each way."""
    config = Config(servers=(url,))
    await ensure_buckets(config, (BUCKET,))
    client = await nats.connect(url)
    held_bucket = await client.jetstream().key_value(BUCKET)

    async def held() -> None:
        await held_bucket.put("key", VALUE)

    async def leased() -> None:
        async with nats_kv_store(BUCKET, config) as kv:
            await kv.put("key", VALUE)

    async def fresh() -> None:
        nc = await nats.connect(url)
        try:
            kv = await nc.jetstream().key_value(BUCKET)
            await kv.put("key", VALUE)
        finally:
            await nc.close()

    async def connection_lease() -> None:
        async with nats_connection(config):
            pass

    async def jetstream_lease() -> None:
        async with nats_jetstream(config):
            pass

    async def bucket_lease() -> None:
        async with nats_kv_store(BUCKET, config):
            pass

    seconds: dict[str, list[float]] = {}
    for turn in range(ROUNDS):
        alone = [("held", held), ("leased", leased)]
        for name, way in alone if turn % 2 else reversed(alone):
            seconds.setdefault(name, []).append(await timed(way, PUTS))
            seconds.setdefault(f"{name}, 100 tasks", []).append(await timed_together(way))
        seconds.setdefault("fresh", []).append(await timed(fresh, FRESH))
        for name, way in (
            ("nats_connection", connection_lease),
            ("nats_jetstream", jetstream_lease),
            ("nats_kv_store", bucket_lease),
        ):
            seconds.setdefault(name, []).append(await timed(way, LEASES))
    await client.close()
    return {name: statistics.median(values) for name, values in seconds.items()}


PUT = {
    "held": "on a held handle",
    "leased": "on a lease for each",
    "fresh": "on a connection for each",
    "held, 100 tasks": "held, 100 tasks",
    "leased, 100 tasks": "leased, 100 tasks",
}
WARM = ("nats_connection", "nats_jetstream", "nats_kv_store")


def main() -> int:
    """Measure, report, judge."""
    with run_nats_server() as server:
        seconds = asyncio.run(measure(server.url))
    figures = Figures()
    figures.chart("A put", "µs", {shown: seconds[name] * 1e6 for name, shown in PUT.items()})
    figures.chart("A warm lease", "µs", {name: seconds[name] * 1e6 for name in WARM})
    held, together = seconds["held"], seconds["held, 100 tasks"]
    figures.goal("leased / held, one at a time", seconds["leased"] / held, 1.05)
    figures.goal("leased / held, 100 tasks", seconds["leased, 100 tasks"] / together, 1.05)
    figures.goal("leased / a connection for each", seconds["leased"] / seconds["fresh"], 1 / 5)
    figures.goal("a warm lease, µs", seconds["nats_kv_store"] * 1e6, 5)
    return figures.report()


if __name__ == "__main__":
    sys.exit(main())
