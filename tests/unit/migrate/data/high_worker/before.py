from ..connection import (
    close_nats_connection,
    get_jetstream_context,
    get_nats_connection,
)
from ..models import JOB_STATUS, Job


class Worker:
    def __init__(self, nats_url: str):
        self.nats_url = nats_url

    async def process_message(self, msg) -> None:
        nc = await get_nats_connection(self.nats_url)
        try:
            js = await get_jetstream_context(nc)
            job = Job.deserialize(msg.data)
            result = await job.execute()
            await js.publish(f"naq.results.{job.job_id}", result)
            await msg.ack()
        except Exception:
            await msg.nak()
            raise
        finally:
            await close_nats_connection(nc)

    async def update_job_status(self, job_id: str, status: JOB_STATUS) -> None:
        nc = await get_nats_connection(self.nats_url)
        try:
            js = await get_jetstream_context(nc)
            kv = await js.key_value("job_status")
            await kv.put(job_id, status.value.encode())
        finally:
            await close_nats_connection(nc)
