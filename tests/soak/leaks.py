"""Sockets and memory of a process, from Linux's proc(5)."""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path


def sockets(pid: int, ports: Collection[int]) -> int:
    """Return how many TCP sockets of a process lead to one of the ports."""
    own = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            own.add(str(descriptor.readlink()))
    lines = Path(f"/proc/{pid}/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    rows = (line.split() for line in lines)
    return sum(
        int(row[2].rpartition(":")[2], 16) in ports and f"socket:[{row[9]}]" in own for row in rows
    )


def resident(pid: int) -> float:
    """Return the resident memory of a process in MiB (statm)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def growth(samples: list[float]) -> float:
    """Return what the last quarter of the samples has over the second: buffers fill in the first."""
    quarter = len(samples) // 4
    if not quarter:
        return 0.0
    second, last = samples[quarter : 2 * quarter], samples[-quarter:]
    return sum(last) / len(last) - sum(second) / len(second)
