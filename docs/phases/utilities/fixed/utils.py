"""Is there a server, does it have JetStream, and how fast does it answer?"""

import asyncio
import time
from typing import Dict

from .connection import (
    nats_connection,
    nats_jetstream,
)


async def test_nats_connection(nats_url: str) -> bool:
    """Return whether a server answers within 5 seconds."""
    try:
        async with nats_connection(nats_url) as nc:
            await nc.flush(timeout=5)
        return True
    except Exception:
        return False


async def test_jetstream_connection(nats_url: str) -> bool:
    """Return whether a server answers and has JetStream."""
    try:
        async with nats_jetstream(nats_url) as (nc, js):
            await js.account_info()
        return True
    except Exception:
        return False


async def wait_for_nats_connection(
    nats_url: str, timeout: float = 30.0, interval: float = 1.0
) -> bool:
    """Wait until a server answers; return whether it did within ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if await test_nats_connection(nats_url):
            return True
        await asyncio.sleep(interval)
    return False


async def measure_connection_performance(nats_url: str, iterations: int = 10) -> Dict[str, float]:
    """Connect again and again; return how long it takes, in seconds, and how often it succeeds."""
    times = []
    for _ in range(iterations):
        start = time.perf_counter()
        try:
            async with nats_connection(nats_url) as nc:
                await nc.flush()
                times.append(time.perf_counter() - start)
        except Exception:
            continue
    return {
        "average_time": sum(times) / len(times) if times else 0.0,
        "min_time": min(times, default=0.0),
        "max_time": max(times, default=0.0),
        "success_rate": len(times) / iterations,
    }
