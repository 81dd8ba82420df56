from ..connection import (
    nats_jetstream,
    nats_kv_store,
)
from ..models import JOB_STATUS, Job


class Worker:
    def __init__(self, nats_url: str):
        self.nats_url = nats_url

    async def process_message(self, msg) -> None:
        async with nats_jetstream(self.nats_url) as (nc, js):
            try:
                job = Job.deserialize(msg.data)
                result = await job.execute()
                await js.publish(f"naq.results.{job.job_id}", result)
                await msg.ack()
            except Exception:
                await msg.nak()
                raise

    async def update_job_status(self, job_id: str, status: JOB_STATUS) -> None:
        async with nats_kv_store("job_status", self.nats_url) as kv:
            await kv.put(job_id, status.value.encode())
