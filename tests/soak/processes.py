"""Processes that are started again whenever they end, as a service manager does it."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
STOP_WITHIN = 20.0
"""Seconds that a process may take to end in order."""


@dataclass(frozen=True)
class Exit:
    """The end of a process that nobody had asked to end: its id, the moment, the exit code."""

    pid: int
    at: float
    code: int


class Pool:
    """A few processes of one command.

    Args:
        command: the command.
        count: how many.
        environment: the environment's variables.
        log: the file that takes what they print.
    """

    def __init__(
        self, command: Sequence[str], count: int, environment: Mapping[str, str], log: Path
    ) -> None:
        self.exits: list[Exit] = []
        self._command = command
        self._environment = dict(environment)
        self._log = log
        self._running: list[asyncio.subprocess.Process | None] = [None] * count
        self._keepers: list[asyncio.Task[None]] = []

    @property
    def size(self) -> int:
        return len(self._running)

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self._alive()]

    def _alive(self) -> list[asyncio.subprocess.Process]:
        return [process for process in self._running if process is not None]

    def start(self) -> None:
        self._keepers = [
            asyncio.create_task(self._keep(place)) for place in range(len(self._running))
        ]

    async def _keep(self, place: int) -> None:
        with self._log.open("ab") as log:
            while True:
                process = await asyncio.create_subprocess_exec(
                    *self._command, cwd=HERE, env=self._environment, stdout=log, stderr=log
                )
                self._running[place] = process
                code = await process.wait()
                self._running[place] = None
                self.exits.append(Exit(process.pid, time.time(), code))
                await asyncio.sleep(0.1)

    async def kill(self, victim: int) -> None:
        """Kill one of those that run (SIGKILL), as soon as there is one."""
        while not (running := self._alive()):  # noqa: ASYNC110 - one is on its way
            await asyncio.sleep(0.05)
        with suppress(ProcessLookupError):
            running[victim % len(running)].kill()

    async def stop(self) -> None:
        """End all in order, and those at once that do not. Idempotent."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await asyncio.gather(*(_end(process) for process in self._running if process))
        self._running = [None] * len(self._running)


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), STOP_WITHIN)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
