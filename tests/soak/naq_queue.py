"""naq under load: all that it promises, in one mix."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import nats.errors
import orjson
from account import Account, Outcome
from ledger import VARIABLE
from load import until_acknowledged
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError
from queues import Site, python

import naq
from naq.config import Config
from naq.connection import nats_jetstream
from naq.exceptions import NaqConnectionError
from naq.jobs.lookup import stored_outcomes
from naq.models import Job, Schedule
from naq.models.outcome import Outcome as Stored
from naq.models.schedule import MissedRuns
from naq.names import Names, untoken
from naq.queue.waiting import list_waiting
from naq.scheduling.recurrence import run_id
from naq.scheduling.scheduler import Scheduler
from naq.set_aside import SetAside
from naq.setup import setup

QUEUE = "soak"
STEADY = "steady"
INTERVAL = 2.0
"""Seconds between two runs of the schedule."""

REPEATS = 3
"""Runs of the schedule that ends."""

STORE_AGAIN = 1.5
"""Seconds between two "starts" of the application that stores its schedules at each."""

_TOO_LARGE = 2_000_000
_BATCH = 200
_OUTAGE = (
    NaqConnectionError, nats.errors.Error, APIError, NoStreamResponseError, TimeoutError
)  # fmt: skip
_NO_RESULT = Outcome("failure", "ExpectedError")


class NaqQueue:
    """naq, with workers, schedulers, dependents, schedules and messages of others.

    Args:
        site: where.
    """

    name = "naq"
    stream = Names().job_stream

    def __init__(self, site: Site) -> None:
        self.account = Account()
        self.scenes = (
            (50.0, self.plain),
            (12.0, self.threaded),
            (12.0, self.steady),
            (8.0, self.fan),
            (4.0, self.orphans),
            (6.0, self.retried),
            (3.0, self.failing),
            (1.5, self.too_large),
            (1.5, self.foreign),
            (1.0, self.isolated),
        )
        self._site = site
        self._config = Config(
            servers=tuple(site.cluster.urls), replicas=3, leader_ttl=3, connect_timeout=5
        )
        self._first_runs: dict[str, datetime] = {}

    def environment(self) -> dict[str, str]:
        return {
            "NAQ_SERVERS": ",".join(self._site.cluster.urls),
            "NAQ_REPLICAS": "3",
            "NAQ_LEADER_TTL": "3",
            "NAQ_CONNECT_TIMEOUT": "5",
            VARIABLE: str(self._site.ledger),
        }

    def worker(self, *, steady: bool) -> list[str]:
        return self._command(
            "worker",
            "--queue",
            STEADY if steady else QUEUE,
            "--ack-wait",
            "3",
            "--shutdown-timeout",
            "5",
        )

    def scheduler(self) -> list[str]:
        return self._command("scheduler")

    @staticmethod
    def _command(*words: str) -> list[str]:
        return python("-c", "from naq.cli.main import main; main()", *words)

    async def open(self) -> None:
        await _through_outages(lambda: setup(self._config))

    async def plain(self, name: str, draw: random.Random) -> None:
        await self._enqueue("plain", f"plain-{name}", "tasks:plain", draw.uniform(0, 0.05))

    async def threaded(self, name: str, draw: random.Random) -> None:
        await self._enqueue(
            "in a thread", f"threaded-{name}", "tasks:threaded", draw.uniform(0, 0.3)
        )

    async def steady(self, name: str, draw: random.Random) -> None:
        seconds = draw.uniform(0, 0.02)
        await self._enqueue("steady worker", f"steady-{name}", "tasks:plain", seconds, queue=STEADY)

    async def fan(self, name: str, draw: random.Random) -> None:
        """Enqueue a job and two dependents that take its result."""
        parent = f"parent-{name}"
        await self._enqueue("plain", parent, "tasks:plain", draw.uniform(0, 0.1))
        for number in range(2):
            await self._enqueue(
                "dependent", f"child{number}-{name}", "tasks:child",
                depends_on=parent, pass_results=True, becomes=Outcome("result", [parent]),
            )  # fmt: skip

    async def orphans(self, name: str, _draw: random.Random) -> None:
        """Enqueue a job that fails, and a dependent of each policy."""
        parent = f"failing-{name}"
        await self._enqueue("failing", parent, "tasks:fail", becomes=_NO_RESULT)
        for policy, becomes in {
            "fail": Outcome("failure", "ParentFailedError"),
            "cancel": Outcome("cancelled"),
            "run": Outcome("result", [None]),
        }.items():
            await self._enqueue(
                f"dependent, {policy}", f"{policy}-{name}", "tasks:child", depends_on=parent,
                on_parent_failure=policy, pass_results=True, becomes=becomes,
            )  # fmt: skip

    async def retried(self, name: str, draw: random.Random) -> None:
        await self._enqueue(
            "retried", f"retried-{name}", "tasks:third_time", retries=5,
            retry=draw.uniform(0.05, 0.5),
        )  # fmt: skip

    async def failing(self, name: str, _draw: random.Random) -> None:
        await self._enqueue(
            "failing", f"hopeless-{name}", "tasks:fail", retries=1, becomes=_NO_RESULT
        )

    async def too_large(self, name: str, _draw: random.Random) -> None:
        await self._enqueue(
            "result too large", f"large-{name}", "tasks:large", _TOO_LARGE,
            becomes=Outcome("failure", "ResultError"),
        )  # fmt: skip

    async def isolated(self, name: str, _draw: random.Random) -> None:
        await self._enqueue(
            "crash, isolated", f"isolated-{name}", "tasks:crash", isolated=True,
            becomes=Outcome("failure", "JobCrashedError"),
        )  # fmt: skip

    async def foreign(self, name: str, draw: random.Random) -> None:
        """Publish what is no job, or one of a newer format."""
        token = f"foreign-{name}"
        data = draw.randbytes(40)
        if draw.random() < 0.5:
            head, _, body = (
                Job("tasks:plain", (0,), job_id=token, queue=QUEUE).serialize().partition(b"\n")
            )
            data = orjson.dumps(orjson.loads(head) | {"naq": 99}) + b"\n" + body

        async def publish() -> None:
            async with nats_jetstream(self._config) as (_, js):
                await js.publish(
                    f"{Names().job_subjects}.{QUEUE}.{token}", data, headers={"Nats-Msg-Id": token}
                )

        # This is the foreigner's own code, so no error of naq's is documented for it.
        await until_acknowledged(self.account, _OUTAGE, publish)
        self.account.promise(token, "foreign", Outcome("set aside"))

    async def crash(self, name: str) -> None:
        await self._enqueue(
            "crash", f"crash-{name}", "tasks:crash", max_crashes=1,
            becomes=Outcome("failure", "JobCrashedError"),
        )  # fmt: skip

    async def _enqueue(
        self, kind: str, job_id: str, function: str, *args: Any,
        becomes: Outcome | None = None, queue: str = QUEUE, **settings: Any,
    ) -> None:  # fmt: skip
        job = Job(function, args, job_id=job_id, queue=queue, **settings)
        target = naq.Queue(queue, self._config)
        await until_acknowledged(self.account, (NaqConnectionError,), lambda: target.enqueue(job))
        self.account.promise(job_id, kind, becomes or Outcome("result", job_id))

    async def play_beside(self, over: asyncio.Event) -> None:
        """Crash a worker now and then, and store the schedules again and again."""

        async def crashes() -> None:
            number = 0
            while not over.is_set():
                number += 1
                with suppress(TimeoutError):
                    await self.crash(str(number))
                await _pause(over, 3 * self._site.every)

        async def starts() -> None:
            while not over.is_set():
                for schedule_id, repeat in {"every": None, "thrice": REPEATS}.items():
                    with suppress(TimeoutError):
                        await self._store_schedule(schedule_id, repeat)
                await _pause(over, STORE_AGAIN)

        await asyncio.gather(crashes(), starts())
        await self._promise_runs()

    async def _store_schedule(self, schedule_id: str, repeat: int | None) -> None:
        job = Job("tasks:plain", (0.01,), job_id=schedule_id, queue=QUEUE)
        target = naq.Queue(QUEUE, self._config)
        await until_acknowledged(
            self.account, (NaqConnectionError,),
            lambda: target.schedule(
                job, interval=INTERVAL, repeat=repeat, missed_runs=MissedRuns.ALL
            ),
        )  # fmt: skip
        if schedule_id not in self._first_runs:
            stored = {each.job_id: each for each in await self._schedules()}
            first = stored[schedule_id].run_at
            assert first is not None
            self._first_runs[schedule_id] = first

    async def _schedules(self) -> list[Schedule]:
        return await _through_outages(Scheduler(self._config).get_scheduled_jobs)

    async def _promise_runs(self) -> None:
        """Promise each run of the schedules that was due by now."""
        stored = {each.job_id: each for each in await self._schedules()}
        now = datetime.now().astimezone()
        for schedule_id, first in self._first_runs.items():
            for number in range(REPEATS if schedule_id == "thrice" else 10**9):
                due = first + timedelta(seconds=number * INTERVAL)
                if due > now:
                    break
                run = run_id(stored[schedule_id], due)
                self.account.promise(run, "scheduled", Outcome("result", run))

    async def settled(self) -> bool:
        with suppress(*_OUTAGE):
            missing = self.account.missing()
            for start in range(0, len(missing), _BATCH):
                await self._look_up(missing[start : start + _BATCH])
            for message in await SetAside(self._config).list():
                job_id = untoken(message.subject.rpartition(".")[2])
                self.account.found[job_id] = Outcome("set aside")
        return not self.account.missing()

    async def _look_up(self, job_ids: list[str]) -> None:
        async with nats_jetstream(self._config) as (conn, js):
            stored = await stored_outcomes(conn, js, Names(), job_ids)
        for job_id, outcome in stored.items():
            self.account.found[job_id] = _found(outcome.data)

    async def on_servers(self) -> set[str]:
        return await _through_outages(self._on_servers)

    async def _on_servers(self) -> set[str]:
        async with nats_jetstream(self._config) as (_, js):
            try:
                info = await js.stream_info(
                    Names().job_stream, subjects_filter=f"{Names().job_subjects}.>"
                )
            except NotFoundError:
                return set()
        queued = {untoken(subject.rpartition(".")[2]) for subject in info.state.subjects or ()}
        waiting = {job.job_id for job in await list_waiting(self._config)}
        return queued | waiting | self._not_triggered(await self._schedules())

    def _not_triggered(self, stored: list[Schedule]) -> set[str]:
        """Return the promised runs that a stored schedule still has ahead of it."""
        ahead = set()
        for schedule in stored:
            if schedule.run_at is not None:
                next_run = run_id(schedule, schedule.run_at)
                prefix = f"{schedule.job_id}."
                ahead |= {
                    run for run in self.account.missing()
                    if run.startswith(prefix) and run >= next_run
                }  # fmt: skip
        return ahead

    async def close(self) -> None:
        await naq.close_all_connections()


def _found(data: bytes) -> Outcome:
    stored = Stored.deserialize(data, unpickle=False)
    if stored.failure is None:
        return Outcome("result", stored.value)
    error = stored.failure.error_type.rpartition(":")[2]
    return Outcome("cancelled") if error == "JobCancelledError" else Outcome("failure", error)


async def _pause(over: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(over.wait(), seconds)


async def _through_outages(action: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(60):
        while True:
            with suppress(*_OUTAGE):
                return await action()
            await asyncio.sleep(0.2)
