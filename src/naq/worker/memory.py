"""A guard against jobs that take all the memory of their worker.

Nobody knows how much of a process's memory is whose. So at the limit the worker does what it would
do at a crash, in time and in order: it ends, and each job that runs is a suspect, which runs alone.
Memory that one step takes all at once is out of its reach: the system ends the process first.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

from naq.exceptions import WorkerMemoryError
from naq.worker.stopping import StopRequest

PERIOD: Final = 0.1
"""Seconds between two looks at the memory."""

_STATM: Final = Path("/proc/self/statm")


def resident_memory() -> int:
    """Return the bytes of memory that this process has; where Linux's proc(5) is missing, the most."""
    try:
        pages = int(_STATM.read_text(encoding="ascii").split()[1])
    except OSError:
        import resource  # which Windows does not have

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
    return pages * os.sysconf("SC_PAGE_SIZE")


class MemoryGuard:
    """Has the worker stop when its process has too much memory.

    Args:
        limit: bytes; None is no limit.
        request: where it asks.

    Raises:
        WorkerMemoryError: the process has more before its first job.
    """

    def __init__(self, limit: int | None, request: StopRequest) -> None:
        self._limit = limit
        self._request = request
        if limit is not None and (taken := resident_memory()) > limit:
            raise WorkerMemoryError(
                f"the worker has {_mebibytes(taken)} of memory without a job, more than its "
                f"max_memory of {_mebibytes(limit)}: raise it"
            )

    async def watch(self) -> None:
        """Look at the memory again and again, until cancelled or it is too much."""
        while self._limit is not None:
            await asyncio.sleep(PERIOD)
            taken = resident_memory()
            if taken > self._limit:
                self._request.out_of_memory = (
                    f"{_mebibytes(taken)} of memory, more than max_memory allows "
                    f"({_mebibytes(self._limit)})"
                )
                self._request.asked.set()
                return


def _mebibytes(size: int) -> str:
    return f"{size / (1 << 20):.0f} MiB"
