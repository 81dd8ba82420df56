"""The child's side of an isolated job: ``python -m naq.worker.isolated <file descriptor>``."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import resource
import signal
import sys
from typing import Any

from naq.models.job import Job
from naq.models.outcome import JobFailure, Outcome
from naq.models.retry import exception_name
from naq.worker.context import JobContext, running


def main() -> None:
    """Read an order and a job from standard input, run it, write what came of it."""
    writing = int(sys.argv[1])
    os.set_inheritable(writing, False)
    head, _, data = sys.stdin.buffer.read().partition(b"\n")
    order = json.loads(head)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the worker's to handle
    if order["memory_limit"] is not None:
        resource.setrlimit(resource.RLIMIT_AS, (order["memory_limit"],) * 2)
    pid = os.getpid()
    try:
        answer = b"value\n" + _run(data, order)
    except BaseException as error:
        answer = b"failure\n" + _told(error)
    if os.getpid() == pid:
        with os.fdopen(writing, "wb") as outcomes:
            outcomes.write(answer)
    sys.stdout.flush()
    # Threads that the job has left behind are not waited for.
    os._exit(0)


def _run(data: bytes, order: dict[str, Any]) -> bytes:
    job = Job.deserialize(data)
    with running(JobContext(job, order["attempt"], order["worker"], lambda _: None)):
        value = job.function()(*job.args, **job.kwargs)
        if inspect.isawaitable(value):
            value = asyncio.run(_wait_for(value))
    return Outcome(value, serializer=job.serializer).serialize()


async def _wait_for(value: Any) -> Any:
    return await value


def _told(error: BaseException) -> bytes:
    failure = JobFailure.of(error)
    lineage = [exception_name(cls) for cls in type(error).__mro__[:-1]]
    told = {name: getattr(failure, name) for name in failure.__slots__}
    return json.dumps({"failure": told, "lineage": lineage}).encode()


if __name__ == "__main__":
    main()
