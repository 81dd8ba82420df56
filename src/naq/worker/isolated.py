"""The child's side of an isolated job: ``python -m naq.worker.isolated <file descriptor>``."""

from __future__ import annotations

import asyncio
import base64
import inspect
import json
import os
import resource
import signal
import sys
import threading
from typing import Any

from naq.models.definition import prepare
from naq.models.job import Job
from naq.models.outcome import JobFailure, Outcome
from naq.models.retry import exception_name
from naq.worker.context import JobContext, running
from naq.worker.isolate import LONGEST_LINE, PROGRESS
from naq.worker.logs import LogStyle, configure


def main() -> None:
    """Read an order and a job from standard input, run the job, write its outcome."""
    writing = int(sys.argv[1])
    os.set_inheritable(writing, False)
    head, _, data = sys.stdin.buffer.read().partition(b"\n")
    order = json.loads(head)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the worker's to handle
    if order["log"] is not None:
        configure(LogStyle(**order["log"]))
    if order["memory_limit"] is not None:
        resource.setrlimit(resource.RLIMIT_AS, (order["memory_limit"],) * 2)
    answers = _Answers(writing)
    try:
        answer = b"value\n" + _run(data, order, answers)
    except BaseException as error:
        answer = b"failure\n" + _report(error)
    answers.end(answer)
    sys.stdout.flush()
    # Threads that the job has left behind are not waited for.
    os._exit(0)


class _Answers:
    """The way back to the worker. What the job has forked may not use it.

    Args:
        descriptor: of the pipe.
    """

    def __init__(self, descriptor: int) -> None:
        self._pipe = os.fdopen(descriptor, "wb")
        self._pid = os.getpid()
        self._lock = threading.Lock()

    def progress(self, data: bytes) -> None:
        """Report the progress of the job, from any of its threads."""
        line = PROGRESS + data + b"\n"
        if os.getpid() == self._pid and len(line) < LONGEST_LINE:
            with self._lock:
                if not self._pipe.closed:
                    self._pipe.write(line)
                    self._pipe.flush()

    def end(self, answer: bytes) -> None:
        """Report the outcome of the job."""
        if os.getpid() == self._pid:
            with self._lock, self._pipe:
                self._pipe.write(answer)


def _run(data: bytes, order: dict[str, Any], answers: _Answers) -> bytes:
    job = Job.deserialize(data)
    with running(JobContext(job, order["attempt"], order["worker"], answers.progress)):
        parents = [data and base64.b64decode(data) for data in order["parents"]]
        function, args, kwargs, serializer = prepare(job, job.function(), parents)
        value = function(*args, **kwargs)
        if inspect.isawaitable(value):
            value = asyncio.run(_wait_for(value))
    return Outcome(value, serializer=serializer).serialize()


async def _wait_for(value: Any) -> Any:
    return await value


def _report(error: BaseException) -> bytes:
    failure = JobFailure.of(error)
    lineage = [exception_name(cls) for cls in type(error).__mro__[:-1]]
    described = {name: getattr(failure, name) for name in failure.__slots__}
    return json.dumps({"failure": described, "lineage": lineage}).encode()


if __name__ == "__main__":
    main()
