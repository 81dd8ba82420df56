"""The worker: runs the job of a message and says how it went."""

import logging

import cloudpickle
from naq.models import JOB_STATUS, Job
from nats.aio.msg import Msg

from ..connection import (
    close_nats_connection,
    get_jetstream_context,
    get_nats_connection,
)

logger = logging.getLogger(__name__)


class Worker:
    """Runs jobs."""

    def __init__(self, queue: str, nats_url: str):
        self.queue = queue
        self.nats_url = nats_url

    async def process_message(self, msg: Msg) -> None:
        """Run the job of a message and store its result; give the message back when it fails."""
        nc = await get_nats_connection(self.nats_url)
        try:
            js = await get_jetstream_context(nc)
            job = Job.deserialize(msg.data)
            result = job.function()(*job.args, **job.kwargs)
            await js.publish(f"$KV.job_results.{job.job_id}", cloudpickle.dumps(result))
            await msg.ack_sync()
        except Exception as e:
            logger.error(f"Job failed: {e}")
            await msg.nak()
            raise
        finally:
            await close_nats_connection(nc)

    async def update_job_status(self, job_id: str, status: JOB_STATUS) -> None:
        """Store how far a job has come."""
        nc = await get_nats_connection(self.nats_url)
        try:
            js = await get_jetstream_context(nc)
            kv = await js.key_value("job_status")
            await kv.put(job_id, status.value.encode())
        finally:
            await close_nats_connection(nc)
