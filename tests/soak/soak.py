"""One soak: load and kills for a while, then calm, then the account."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import ledger
import load
from account import Verdict
from faults import Fault, Faults, plan
from leaks import growth, resident, sockets
from processes import Exit, Pool
from queues import LoadedQueue, Site
from servers import run_cluster
from tasks import CRASH_CODE

SAMPLE = 1.0
"""Seconds between two looks at the memory, and at the progress."""

LEAKED_AFTER = 15.0
"""Seconds of calm after which a socket that nobody needs counts as leaked."""

_KILLED = -9


@dataclass(frozen=True)
class Settings:
    """How to soak.

    Args:
        duration: seconds of load and kills.
        seed: decides the load and the kills.
        workers: workers that may be killed; one more is steady.
        rate: scenes a second.
        every: seconds between two kills on average.
        settle: seconds that the queue has, after the last kill, to bring all to an end.
        folder: keeps the ledger and the log of the workers; None keeps neither.
    """

    duration: float
    seed: int
    workers: int = 2
    rate: float = 20.0
    every: float = 8.0
    settle: float = 120.0
    folder: Path | None = None


@dataclass(frozen=True)
class Findings:
    """What came of a soak."""

    queue: str
    verdicts: dict[str, Verdict]
    faults: list[Fault]
    refusals: dict[str, int]
    own_exits: list[Exit]
    leaked_sockets: int
    memory_growth: float
    settled_after: float


Progress = Callable[[str, float, str], None]
"""Takes the queue's name, the share that is done, and words."""


async def soak(
    make: Callable[[Site], LoadedQueue], stream: str, settings: Settings, progress: Progress
) -> Findings:
    """Load a queue and kill what it runs on; return what came of it."""
    with _folder(settings.folder) as folder:
        async with run_cluster("") as cluster:
            site = Site(cluster, folder / f"{stream}.ledger", settings.every)
            queue = make(site)
            await queue.open()
            cluster.stream = stream
            environment = {**os.environ, **queue.environment()}
            log = folder / f"{stream}.log"
            workers = Pool(queue.worker(steady=False), settings.workers, environment, log)
            steady = Pool(queue.worker(steady=True), 1, environment, log)
            command = queue.scheduler()
            schedulers = Pool(command or [], 2 if command else 0, environment, log)
            pools = (workers, steady, schedulers)
            try:
                for pool in pools:
                    pool.start()
                return await _Soak(settings, site, queue, pools, progress).run()
            finally:
                await asyncio.gather(*(pool.stop() for pool in pools))
                await queue.close()


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="naq-soak-") as folder:
        yield Path(folder)


class _Soak:
    """The parts of a soak that runs."""

    def __init__(
        self,
        settings: Settings,
        site: Site,
        queue: LoadedQueue,
        pools: tuple[Pool, Pool, Pool],
        progress: Progress,
    ) -> None:
        self._settings = settings
        self._site = site
        self._queue = queue
        self._workers, self._steady, self._schedulers = pools
        self._progress = progress
        self._faults = Faults(site.cluster, self._workers, self._schedulers)
        self._memory: list[float] = []

    async def run(self) -> Findings:
        settings, queue = self._settings, self._queue
        over = asyncio.Event()
        watching = asyncio.create_task(self._watch(over))
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(
                    load.play(queue.scenes, settings.seed, settings.rate, over, queue.account)
                )
                group.create_task(queue.play_beside(over))
                group.create_task(self._inflict(over))
            calm_at = time.monotonic()
            settled_after = await self._settle(calm_at)
        finally:
            watching.cancel()
        self._keep_kills()
        on_servers = await queue.on_servers() if queue.account.missing() else set()
        ports = self._site.cluster.ports
        leaked = await _leaked(
            lambda: sum(max(0, sockets(pid, ports) - 1) for pid in self._steady.pids)
        )
        await queue.close()
        leaked += await _leaked(lambda: sockets(os.getpid(), ports))
        exits = [*self._workers.exits, *self._steady.exits]
        verdicts = queue.account.judge(
            on_servers, ledger.read(self._site.ledger), self._faults.done, exits
        )
        return Findings(
            queue.name,
            verdicts,
            self._faults.done,
            dict(queue.account.refusals),
            [each for each in exits if each.code not in (_KILLED, CRASH_CODE)],
            leaked,
            growth(self._memory),
            settled_after,
        )

    def _keep_kills(self) -> None:
        """Write the kills beside the ledger, to explain a finding."""
        lines = [f"{each.kind} {each.at} {each.until}" for each in self._faults.done]
        exits = [*self._workers.exits, *self._steady.exits]
        lines += [f"exit {each.pid} {each.at} {each.code}" for each in exits]
        self._site.ledger.with_suffix(".kills").write_text("\n".join(lines), encoding="utf-8")

    async def _settle(self, calm_at: float) -> float:
        while not await self._queue.settled():
            waited = time.monotonic() - calm_at
            if waited > self._settings.settle:
                break
            missing = self._queue.account.missing()
            words = f"{len(missing)} jobs to settle: {', '.join(missing[:3])}"
            self._progress(self._queue.name, 1.0, words)
            await asyncio.sleep(0.5)
        return time.monotonic() - calm_at

    async def _inflict(self, over: asyncio.Event) -> None:
        try:
            until = time.monotonic() + self._settings.duration
            await self._faults.inflict(plan(self._settings.seed, self._settings.every), until)
        finally:
            over.set()

    async def _watch(self, over: asyncio.Event) -> None:
        began = time.monotonic()
        while not over.is_set():
            promised = len(self._queue.account.promised)
            share = min(1.0, (time.monotonic() - began) / self._settings.duration)
            words = f"{promised:,} jobs, {len(self._faults.done)} kills"
            self._progress(self._queue.name, share, words)
            for pid in self._steady.pids:
                with suppress(OSError):
                    self._memory.append(resident(pid))
            await asyncio.sleep(SAMPLE)


async def _leaked(count: Callable[[], int]) -> int:
    """Return how many sockets are still there when there was time to close them.

    Args:
        count: counts them: those of a steady worker beside the one that it needs, and all of this
            process, which closes its last one a turn of the loop after the end of its connection.
    """
    deadline = time.monotonic() + LEAKED_AFTER
    while (leaked := count()) and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.5)
    return leaked
