from typing import Optional

from nats.errors import TimeoutError as NatsTimeoutError

from ..connection import (
    close_nats_connection,
    get_jetstream_context,
    get_nats_connection,
)
from ..models import Job


class Queue:
    def __init__(self, nats_url: str, name: str = "default"):
        self.nats_url = nats_url
        self.name = name

    async def enqueue(self, job: Job) -> str:
        nc = await get_nats_connection(self.nats_url)
        try:
            js = await get_jetstream_context(nc)
            ack = await js.publish(f"naq.jobs.{self.name}", job.serialize())
            return f"{ack.stream}:{ack.seq}"
        finally:
            await close_nats_connection(nc)

    async def dequeue(self, timeout: float = 1.0) -> Optional[Job]:
        nc = await get_nats_connection(self.nats_url)
        try:
            js = await get_jetstream_context(nc)
            consumer = await js.pull_subscribe(f"naq.jobs.{self.name}", durable=self.name)
            try:
                messages = await consumer.fetch(1, timeout=timeout)
            except NatsTimeoutError:
                return None
            await messages[0].ack()
            return Job.deserialize(messages[0].data)
        finally:
            await close_nats_connection(nc)
