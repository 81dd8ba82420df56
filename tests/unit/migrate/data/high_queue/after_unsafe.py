from typing import Optional

from nats.errors import TimeoutError as NatsTimeoutError

from ..config import Config, get_config
from ..connection import nats_jetstream
from ..models import Job


class Queue:
    def __init__(self, config: Optional[Config] = None, name: str = "default"):
        self.config = config or get_config()
        self.name = name

    async def enqueue(self, job: Job) -> str:
        async with nats_jetstream(self.config) as (nc, js):
            ack = await js.publish(f"naq.jobs.{self.name}", job.serialize())
            return f"{ack.stream}:{ack.seq}"

    async def dequeue(self, timeout: float = 1.0) -> Optional[Job]:
        async with nats_jetstream(self.config) as (nc, js):
            consumer = await js.pull_subscribe(f"naq.jobs.{self.name}", durable=self.name)
            try:
                messages = await consumer.fetch(1, timeout=timeout)
            except NatsTimeoutError:
                return None
            await messages[0].ack()
            return Job.deserialize(messages[0].data)
