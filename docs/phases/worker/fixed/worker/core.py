"""The worker: runs the job of a message and says how it went."""

import logging

import cloudpickle
from naq.models import JOB_STATUS, Job
from nats.aio.msg import Msg

from ..config import Config, get_config
from ..connection import (
    nats_jetstream,
    nats_kv_store,
)

logger = logging.getLogger(__name__)


class Worker:
    """Runs jobs."""

    def __init__(self, queue: str, config: Config | None = None):
        self.queue = queue
        self.config = config or get_config()

    async def process_message(self, msg: Msg) -> None:
        """Run the job of a message and store its result; give the message back when it fails."""
        async with nats_jetstream(self.config) as (nc, js):
            try:
                job = Job.deserialize(msg.data)
                result = job.function()(*job.args, **job.kwargs)
                await js.publish(f"$KV.job_results.{job.job_id}", cloudpickle.dumps(result))
                await msg.ack_sync()
            except Exception as e:
                logger.error(f"Job failed: {e}")
                await msg.nak()
                raise

    async def update_job_status(self, job_id: str, status: JOB_STATUS) -> None:
        """Store how far a job has come."""
        async with nats_kv_store("job_status", self.config) as kv:
            await kv.put(job_id, status.value.encode())
