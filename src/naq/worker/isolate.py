"""A job in a process of its own, which may crash, be killed, or eat its memory.

The child is a fresh interpreter and leads a process group, so its forks end with it. The job comes in by one pipe and the outcome goes out by another: standard output is the job's.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import asdict
from typing import Final

from naq.exceptions import JobCrashedError, SerializationError
from naq.models.outcome import JobFailure, Outcome
from naq.worker import logs
from naq.worker.context import JobContext

PROGRESS: Final = b"progress "
"""The prefix of a line with progress; the outcome follows the last such line."""

LONGEST_LINE: Final = 1 << 20

OUT_OF_MEMORY: Final = "killed, maybe for want of memory"


class IsolatedJobError(Exception):
    """An exception of an isolated job, as its process describes it."""

    def __init__(self, failure: JobFailure, lineage: list[str]) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.lineage = lineage


async def run_isolated(
    context: JobContext,
    memory_limit: int | None = None,
    parents: tuple[bytes | None, ...] = (),
) -> Outcome:
    """Run a job in a process of its own and return its outcome.

    Args:
        context: the job; its progress is reported here.
        memory_limit: bytes of address space that the process may have; None is no limit.
        parents: the stored results that come before the call's own arguments.

    Raises:
        IsolatedJobError: the function raised.
        JobCrashedError: the process ended without an outcome.
    """
    order = {
        "attempt": context.attempt,
        "worker": context.worker,
        "memory_limit": memory_limit,
        "path": sys.path,
        "log": logs.style and asdict(logs.style),
        "parents": [data and base64.b64encode(data).decode() for data in parents],
    }
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as outcomes:
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "naq.worker.isolated",
                str(writing),
                stdin=asyncio.subprocess.PIPE,
                pass_fds=(writing,),
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        finally:
            os.close(writing)
        try:
            loop = asyncio.get_running_loop()
            reader = asyncio.StreamReader(LONGEST_LINE)
            transport, _ = await loop.connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(reader), outcomes
            )
            assert process.stdin is not None
            with suppress(ConnectionError):  # it died at once: its exit code has the reason
                process.stdin.write(json.dumps(order).encode() + b"\n" + context.job.serialize())
                await process.stdin.drain()
                process.stdin.close()
            ending = asyncio.ensure_future(process.wait())
            while (line := await reader.readline()).startswith(PROGRESS):
                context.report(line[len(PROGRESS) : -1])
            data = line + await reader.read()
            transport.close()
            code = await ending
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await asyncio.shield(process.wait())
    return _read(data, code)


def _read(data: bytes, code: int) -> Outcome:
    kind, _, rest = data.partition(b"\n")
    if kind == b"value":
        try:
            return Outcome.deserialize(rest)
        except SerializationError as error:
            raise JobCrashedError(f"its process left a broken result: {error}") from error
    if kind == b"failure":
        report = json.loads(rest)
        raise IsolatedJobError(JobFailure.from_json(report["failure"]), report["lineage"])
    how = f"exit code {code}"
    if code < 0:
        how = signal.Signals(-code).name
        if -code == signal.SIGKILL:
            how += f" ({OUT_OF_MEMORY})"
    raise JobCrashedError(f"its process ended without a result: {how}")
