from ..config import Config, get_config
from ..connection import (
    nats_jetstream,
    nats_kv_store,
)
from ..models import JOB_STATUS, Job


class Worker:
    def __init__(self, config: Config | None = None):
        self.config = config or get_config()

    async def process_message(self, msg) -> None:
        async with nats_jetstream(self.config) as (nc, js):
            try:
                job = Job.deserialize(msg.data)
                result = await job.execute()
                await js.publish(f"naq.results.{job.job_id}", result)
                await msg.ack()
            except Exception:
                await msg.nak()
                raise

    async def update_job_status(self, job_id: str, status: JOB_STATUS) -> None:
        async with nats_kv_store("job_status", self.config) as kv:
            await kv.put(job_id, status.value.encode())
