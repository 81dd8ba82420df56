"""The queue of jobs in the stream ``naq_jobs``, one subject a job."""

from typing import List, Optional

from naq.models import Job
from nats.errors import TimeoutError as NoMessageError

from ..connection import (
    close_nats_connection,
    get_jetstream_context,
    get_nats_connection,
)


class Queue:
    """Puts jobs on a queue and takes them off."""

    def __init__(self, name: str, nats_url: str):
        self.name = name
        self.nats_url = nats_url

    async def enqueue(self, job: Job) -> Job:
        """Put a job on the queue. A job of the same id is stored once."""
        nc = await get_nats_connection(self.nats_url)
        try:
            js = await get_jetstream_context(nc)
            await js.publish(
                f"naq.jobs.{self.name}.{job.job_id}",
                job.serialize(),
                headers={"Nats-Msg-Id": job.job_id},
            )
            return job
        finally:
            await close_nats_connection(nc)

    async def enqueue_many(self, jobs: List[Job]) -> int:
        """Put many jobs on the queue; return how many of them are new."""
        connections = []
        new = 0
        for job in jobs:
            nc = await get_nats_connection(self.nats_url)
            connections.append(nc)
            js = await get_jetstream_context(nc)
            ack = await js.publish(
                f"naq.jobs.{self.name}.{job.job_id}",
                job.serialize(),
                headers={"Nats-Msg-Id": job.job_id},
            )
            new += not ack.duplicate
        for nc in connections:
            await close_nats_connection(nc)
        return new

    async def dequeue(self, timeout: float = 1.0) -> Optional[Job]:
        """Take the next job off the queue, None when none comes within ``timeout`` seconds."""
        nc = await get_nats_connection(self.nats_url)
        try:
            js = await get_jetstream_context(nc)
            subscription = await js.pull_subscribe(
                f"naq.jobs.{self.name}.*", durable=f"naq_{self.name}", stream="naq_jobs"
            )
            try:
                messages = await subscription.fetch(1, timeout=timeout)
            except NoMessageError:
                return None
            await messages[0].ack_sync()
            return Job.deserialize(messages[0].data)
        finally:
            await close_nats_connection(nc)

    async def purge(self) -> int:
        """Remove every job from the queue; return how many there were."""
        nc = await get_nats_connection(self.nats_url)
        js = await get_jetstream_context(nc)
        subject = f"naq.jobs.{self.name}.*"
        info = await js.stream_info("naq_jobs", subjects_filter=subject)
        waiting = sum((info.state.subjects or {}).values())
        if not waiting:
            return 0
        await js.purge_stream("naq_jobs", subject=subject)
        await close_nats_connection(nc)
        return waiting
