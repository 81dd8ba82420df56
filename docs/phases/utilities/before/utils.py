"""Is there a server, does it have JetStream, and how fast does it answer?"""

import asyncio
import time
from typing import Dict

from .connection import (
    close_nats_connection,
    get_jetstream_context,
    get_nats_connection,
)


async def test_nats_connection(nats_url: str) -> bool:
    """Return whether a server answers within 5 seconds."""
    try:
        nc = await get_nats_connection(nats_url)
        await nc.flush(timeout=5)
        await close_nats_connection(nc)
        return True
    except Exception:
        return False


async def test_jetstream_connection(nats_url: str) -> bool:
    """Return whether a server answers and has JetStream."""
    try:
        nc = await get_nats_connection(nats_url)
        js = await get_jetstream_context(nc)
        await js.account_info()
        await close_nats_connection(nc)
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
            nc = await get_nats_connection(nats_url)
            await nc.flush()
            times.append(time.perf_counter() - start)
            await close_nats_connection(nc)
        except Exception:
            continue
    return {
        "average_time": sum(times) / len(times) if times else 0.0,
        "min_time": min(times, default=0.0),
        "max_time": max(times, default=0.0),
        "success_rate": len(times) / iterations,
    }
