"""A worker's memory over 200,000 jobs; MiB of resident memory.

Run it with ``python tests/benchmarks/queue/memory.py``.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from pathlib import Path

import jobs

import naq
from naq.server import run_nats_server


def resident(pid: int) -> float:
    """Return the resident memory of a process in MiB (proc(5), statm)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / (1 << 20)


async def main(url: str, count: int) -> None:
    """Measure and print."""
    share = count // 10
    began = time.perf_counter()
    with jobs.worker("naq", url) as worker:
        for part in range(10):
            queue = naq.Queue(config=url)
            await queue.enqueue_many(naq.Job(jobs.noop) for _ in range(share))
            while await queue.size():  # noqa: ASYNC110
                await asyncio.sleep(0.2)
            print(f"{(part + 1) * share:>8} jobs  {resident(worker.pid):6.1f} MiB", flush=True)
    print(f"{count / (time.perf_counter() - began):.0f} jobs/s, enqueue_many included")
    await naq.close_all_connections()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=200_000)
    with run_nats_server() as server:
        asyncio.run(main(server.url, parser.parse_args().jobs))
