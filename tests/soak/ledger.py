"""The ledger: one line for each begin and end of a run, which outlives the worker that wrote it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

VARIABLE = "SOAK_LEDGER"


@dataclass
class Run:
    """One run of a job.

    Args:
        job_id: the job's id.
        pid: the worker's process.
        began: seconds since the epoch.
        ended: seconds since the epoch; None where the process died before.
        raised: whether the job ended with an exception of its own.
    """

    job_id: str
    pid: int
    began: float
    ended: float | None = None
    raised: bool = False


@cache
def _descriptor() -> int:
    return os.open(os.environ[VARIABLE], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def _write(word: str, job_id: str) -> None:
    # A single write to a file opened for appending: lines of several processes do not mix.
    os.write(_descriptor(), f"{word} {job_id} {os.getpid()} {time.time()}\n".encode())


@contextmanager
def running(job_id: str) -> Iterator[None]:
    """Write down that a job begins, and how it ends."""
    _write("begin", job_id)
    try:
        yield
    except BaseException:
        _write("raise", job_id)
        raise
    _write("end", job_id)


def read(path: Path) -> dict[str, list[Run]]:
    """Return the runs of each job, in the order in which they began."""
    runs: dict[str, list[Run]] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        word, job_id, pid, at = line.split()
        known = runs.setdefault(job_id, [])
        if word == "begin":
            known.append(Run(job_id, int(pid), float(at)))
            continue
        open_runs = (run for run in known if run.pid == int(pid) and run.ended is None)
        if run := next(open_runs, None):
            run.ended, run.raised = float(at), word == "raise"
    return runs
