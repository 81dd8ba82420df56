"""``naq worker --processes``: a supervisor that starts worker processes, and replaces those that end.

Supervisor and process talk over a pipe. The process reports every second whether it takes jobs;
the supervisor asks it to stop. If the supervisor dies, the pipe ends and the process stops: no
orphan goes on. A pipe works where there are no signals, and a process that has had its own signal,
as all processes of a service get one from systemd, takes the request for the same one.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from typing import Any, Final

import typer

from naq.cli.modules import find_modules_here
from naq.cli.output import REFUSED, command, log
from naq.cli.telemetry import has_prometheus
from naq.cli.work import WorkOrder, work
from naq.worker.core import Worker
from naq.worker.guard import EXIT_AFTER
from naq.worker.probe import Answer, ProbeServer, as_answer

logger = logging.getLogger("naq.processes")

REPORT_PERIOD: Final = 1.0
"""Seconds between two reports of a process."""

_REFUSALS: Final = frozenset({1, 2, 3})
"""Exit codes of a command that refuses, is called in a wrong way, or finds no server."""

LOOK_PERIOD: Final = 0.1
"""Seconds between two looks of the supervisor at its processes."""

FIRST_BACKOFF: Final = 0.5
"""Seconds before a process is started again; each further time has twice as many."""

LONGEST_BACKOFF: Final = 30.0

SETTLED_AFTER: Final = 60.0
"""Seconds after which a process has proven itself: the next failure is a first one."""

SILENCE: Final = 10.0
"""Seconds, beyond those in which a blocked process ends itself, after which it is unhealthy."""

END_MARGIN: Final = 30.0
"""Seconds, beyond the time of its jobs and of its lifespan, that a process has to end."""

STOP, HURRY = "stop", "hurry"

_METRICS_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"


def supervise(order: WorkOrder, count: int) -> None:
    """Run several worker processes until asked to stop, or, in a burst, until all have ended.

    Args:
        order: the worker that each process runs.
        count: how many there are.

    Raises:
        typer.Exit: a process could not begin, or did not end as it should.
    """
    log(verbose=order.verbose, json_=order.json)
    find_modules_here()
    code = 0

    @command
    async def run() -> None:
        nonlocal code
        code = await Supervisor(order, count).run()

    with ExitStack() as stack:
        if order.prometheus and has_prometheus() and _METRICS_FOLDER not in os.environ:
            folder = tempfile.mkdtemp(prefix="naq-metrics-")
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            os.environ[_METRICS_FOLDER] = folder
        run()
    if code:
        raise typer.Exit(code)


@dataclass(eq=False)
class _Slot:
    """The place of one process, which is filled again when it ends.

    Args:
        number: its number, from 1.
        process: the process; None between two.
        pipe: the way to it.
        started_at: monotonic time at which it was started.
        heard_at: monotonic time of its last report.
        reason: why it takes no jobs; None if it does.
        failures: how many processes of this place have ended one soon after the other.
        start_at: monotonic time at which the next one is started.
        is_done: whether there will be no next one.
    """

    number: int
    process: Any = None
    pipe: Connection | None = None
    started_at: float = 0.0
    heard_at: float = 0.0
    reason: str | None = "the worker starts"
    failures: int = 0
    start_at: float = 0.0
    is_done: bool = False

    @property
    def is_ready(self) -> bool:
        return self.process is not None and self.reason is None

    def listen(self) -> None:
        """Take the reports of the process."""
        with suppress(EOFError, OSError):  # it has ended, which its exit code says as well
            while self.pipe is not None and self.pipe.poll():
                self.reason = self.pipe.recv()
                self.heard_at = time.monotonic()

    def tell(self, word: str) -> None:
        """Ask the process for something."""
        with suppress(OSError):
            if self.pipe is not None:
                self.pipe.send(word)

    def __str__(self) -> str:
        return f"process {self.number}"


@dataclass
class Supervisor:
    """Keeps worker processes running.

    Args:
        order: the worker that each process runs.
        count: how many there are.
    """

    order: WorkOrder
    count: int
    slots: list[_Slot] = field(init=False)

    def __post_init__(self) -> None:
        self.slots = [_Slot(number) for number in range(1, self.count + 1)]
        self._context = multiprocessing.get_context("spawn")
        settings = self.order.settings
        self._patience = 2 * settings["shutdown_timeout"] + END_MARGIN
        self._silence = EXIT_AFTER * settings["block_limit"] + SILENCE
        self._requests = 0
        self._heeded = 0
        self._kill_at = float("inf")
        self._has_been_ready = False
        self._code = 0

    async def run(self) -> int:
        """Keep the processes running until asked to stop, and return an exit code."""
        async with AsyncExitStack() as stack:
            stack.enter_context(self._signals())
            port = self.order.settings["health_port"]
            if port is not None:
                paths: dict[str, Callable[[], Answer]] = {
                    "/healthz": self.live,
                    "/readyz": self.ready,
                }
                if has_prometheus():
                    paths["/metrics"] = _metrics
                host = self.order.settings["health_host"]
                server = await stack.enter_async_context(ProbeServer(port, host, paths))
                logger.info("probes are answered on port %d", server.port)
            stack.callback(self._kill)
            logger.info("starting %d worker processes", self.count)
            while True:
                self._heed_requests()
                for slot in self.slots:
                    self._look_at(slot)
                if all(slot.is_done for slot in self.slots):
                    return self._code
                await asyncio.sleep(LOOK_PERIOD)

    def live(self) -> Answer:
        """Answer whether every process reports in."""
        now = time.monotonic()
        for slot in self.slots:
            silent = now - slot.heard_at
            if slot.process is not None and silent > self._silence:
                return as_answer(f"{slot} has been silent for {silent:.0f} s")
        return as_answer(None, processes=self.count)

    def ready(self) -> Answer:
        """Answer whether a process takes jobs."""
        ready = sum(slot.is_ready for slot in self.slots)
        reasons = [slot.reason for slot in self.slots if slot.reason is not None]
        if self._requests:
            reasons = ["the worker stops"]
            ready = 0
        reason = None if ready else (reasons or ["no process runs"])[0]
        return as_answer(reason, processes=self.count, ready=ready)

    def stop(self) -> None:
        """Ask the processes to stop; a second call does not wait for running jobs."""
        self._requests += 1

    def _heed_requests(self) -> None:
        while self._heeded < min(self._requests, 2):
            self._heeded += 1
            logger.info("stopping: %s", "at once" if self._heeded > 1 else "running jobs may end")
            self._kill_at = time.monotonic() + self._patience
            for slot in self.slots:
                slot.tell(HURRY if self._heeded > 1 else STOP)
                slot.is_done = slot.is_done or slot.process is None
        if time.monotonic() > self._kill_at:
            self._kill_at = float("inf")
            self._code = self._code or REFUSED
            self._kill()

    def _look_at(self, slot: _Slot) -> None:
        if slot.is_done:
            return
        if slot.process is None:
            if time.monotonic() >= slot.start_at:
                self._start(slot)
            return
        slot.listen()
        self._has_been_ready = self._has_been_ready or slot.is_ready
        if slot.process.exitcode is not None:
            self._note_end(slot, slot.process.exitcode)

    def _start(self, slot: _Slot) -> None:
        ours, theirs = self._context.Pipe()
        settings = dict(self.order.settings) | {"health_port": None}
        if settings["worker_id"] is not None:
            settings["worker_id"] += f"-{slot.number}"
        order = replace(self.order, settings=settings, process=f"process {slot.number}")
        process = self._context.Process(
            target=_run_process, args=(order, theirs), name=f"naq-{slot.number}"
        )
        with _held_interrupt():
            process.start()
        theirs.close()
        slot.process, slot.pipe = process, ours
        slot.started_at = slot.heard_at = time.monotonic()
        slot.reason = "the worker starts"

    def _note_end(self, slot: _Slot, code: int) -> None:
        """Forget a process that has ended, and decide whether there will be another."""
        pid = slot.process.pid
        slot.process.join()
        slot.process.close()
        if slot.pipe is not None:
            slot.pipe.close()
        slot.process = slot.pipe = None
        slot.reason = "the worker starts"
        _forget_metrics(pid)
        if self._requests:
            slot.is_done = True
            if code:
                logger.error("%s (pid %d) ended with %s", slot, pid, _described(code))
                self._code = self._code or REFUSED
        elif code == 0 and self.order.settings["burst"]:
            slot.is_done = True
        elif code in _REFUSALS and not self._has_been_ready:
            # Nothing has worked yet, so a second try would fail as well. Any other code is a crash:
            # a job may end its process before that has reported to be ready.
            logger.error("%s could not begin: %s", slot, _described(code))
            slot.is_done = True
            self._code = code
            self.stop()
        else:
            self._replace(slot, pid, code)

    def _replace(self, slot: _Slot, pid: int, code: int) -> None:
        now = time.monotonic()
        slot.failures = 0 if now - slot.started_at > SETTLED_AFTER else slot.failures
        wait = min(FIRST_BACKOFF * 2**slot.failures, LONGEST_BACKOFF)
        slot.failures += 1
        slot.start_at = now + wait
        logger.error(
            "%s (pid %d) ended with %s; another one starts in %g s",
            slot,
            pid,
            _described(code),
            wait,
        )

    def _kill(self) -> None:
        """End what still runs."""
        for slot in self.slots:
            if slot.process is not None and slot.process.exitcode is None:
                logger.error("%s (pid %d) does not end: killed", slot, slot.process.pid)
                slot.process.kill()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            try:
                loop.add_signal_handler(number, self.stop)
            except NotImplementedError:  # Windows
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(self.stop))
        try:
            yield
        finally:
            with suppress(NotImplementedError):
                for number in (signal.SIGTERM, signal.SIGINT):
                    loop.remove_signal_handler(number)


def _run_process(order: WorkOrder, pipe: Connection) -> None:
    """Run the worker of a process. A Ctrl-C in the terminal is the supervisor's to pass on."""
    if sys.platform != "win32":
        os.setpgrp()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    try:
        work(order, lambda made: _report(made, pipe))
    except typer.Exit as end:
        sys.exit(end.exit_code)


async def _report(made: Worker, pipe: Connection) -> None:
    """Report to the supervisor, and do what it asks for, until cancelled."""
    reported_at = 0.0
    reported: str | None = ""
    while True:
        try:
            if pipe.poll():
                made.request_stop(hurried=pipe.recv() == HURRY)
            reason, now = made.unready_reason, time.monotonic()
            if reason != reported or now - reported_at > REPORT_PERIOD:
                pipe.send(reason)
                reported, reported_at = reason, now
        except (EOFError, OSError):
            logger.warning("the supervisor is gone")
            made.request_stop(hurried=False)
            return
        await asyncio.sleep(LOOK_PERIOD)


@contextmanager
def _held_interrupt() -> Iterator[None]:
    """Hold SIGINT back while a process is started, which inherits that until it has its own group."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _described(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _metrics() -> Answer:
    """Return the metrics of all processes."""
    from prometheus_client.multiprocess import MultiProcessCollector
    from prometheus_client.registry import CollectorRegistry

    from naq.prometheus import exposition

    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return exposition(registry)


def _forget_metrics(pid: int) -> None:
    """Take what a process has in progress out of the metrics."""
    if _METRICS_FOLDER in os.environ and has_prometheus():
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(pid)  # type: ignore[no-untyped-call]
