from typing import Optional

from nats.errors import TimeoutError as NatsTimeoutError

from ..connection import nats_jetstream
from ..models import Job


class Queue:
    def __init__(self, nats_url: str, name: str = "default"):
        self.nats_url = nats_url
        self.name = name

    async def enqueue(self, job: Job) -> str:
        async with nats_jetstream(self.nats_url) as (nc, js):
            ack = await js.publish(f"naq.jobs.{self.name}", job.serialize())
            return f"{ack.stream}:{ack.seq}"

    async def dequeue(self, timeout: float = 1.0) -> Optional[Job]:
        async with nats_jetstream(self.nats_url) as (nc, js):
            consumer = await js.pull_subscribe(f"naq.jobs.{self.name}", durable=self.name)
            try:
                messages = await consumer.fetch(1, timeout=timeout)
            except NatsTimeoutError:
                return None
            await messages[0].ack()
            return Job.deserialize(messages[0].data)
