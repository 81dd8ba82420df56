"""taskiq-nats under the same kills: its plain mode, jobs without results, three replicas.

A job counts as done when the ledger holds a run that ended.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
from typing import Any

import ledger
from account import Account, Outcome
from load import until_acknowledged
from nats.js.api import ConsumerConfig, StreamConfig
from queues import Site, python
from taskiq.api import run_receiver_task
from taskiq_nats import PullBasedJetStreamBroker

SERVERS = "SOAK_SERVERS"
DURABLE = "soak"
STREAM = "taskiq_jetstream"


async def plain(job_id: str, seconds: float) -> str:
    """Do nothing for a while."""
    with ledger.running(job_id):
        await asyncio.sleep(seconds)
        return job_id


def broker(servers: list[str]) -> Any:
    """Return the broker, with the task registered."""
    made = PullBasedJetStreamBroker(
        servers,
        stream_name=STREAM,
        durable=DURABLE,
        stream_config=StreamConfig(num_replicas=3),
        consumer_config=ConsumerConfig(durable_name=DURABLE, ack_wait=3),
        pull_consume_batch=50,
        pull_consume_timeout=2,  # by default a fetch has no limit
    )
    made.register_task(plain, task_name="plain")
    return made


class TaskiqQueue:
    """taskiq-nats, with workers and plain jobs.

    Args:
        site: where.
    """

    name = "taskiq-nats"
    stream = STREAM

    def __init__(self, site: Site) -> None:
        self.account = Account()
        self.scenes = ((1.0, self.plain),)
        self._site = site
        self._broker = broker(site.cluster.urls)

    def environment(self) -> dict[str, str]:
        return {
            SERVERS: ",".join(self._site.cluster.urls),
            ledger.VARIABLE: str(self._site.ledger),
        }

    def worker(self, *, steady: bool) -> list[str]:
        return python("taskiq_queue.py")

    def scheduler(self) -> None:
        return None

    async def open(self) -> None:
        await self._broker.startup()

    async def plain(self, name: str, draw: random.Random) -> None:
        job_id = f"plain-{name}"
        kicker = self._broker.find_task("plain").kicker().with_task_id(job_id)
        seconds = draw.uniform(0, 0.05)
        await until_acknowledged(self.account, (), lambda: kicker.kiq(job_id, seconds))
        self.account.promise(job_id, "plain", Outcome("run"))

    async def play_beside(self, over: asyncio.Event) -> None:
        """Do nothing: there are neither schedules nor crashes in its mix."""

    async def settled(self) -> bool:
        for job_id, runs in ledger.read(self._site.ledger).items():
            if any(run.ended is not None for run in runs):
                self.account.found[job_id] = Outcome("run")
        return not self.account.missing()

    async def on_servers(self) -> set[str]:
        """Return all that is missing if the consumer has anything left: it cannot say which."""
        info = await self._broker.js.consumer_info(STREAM, DURABLE)
        return set(self.account.missing()) if info.num_pending or info.num_ack_pending else set()

    async def close(self) -> None:
        await self._broker.shutdown()


def work() -> None:
    """Run a worker."""
    logging.disable()
    made = broker(os.environ[SERVERS].split(","))
    made.is_worker_process = True
    asyncio.run(run_receiver_task(made, max_async_tasks=10, run_startup=True))


if __name__ == "__main__":
    work()
