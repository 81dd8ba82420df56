import logging
from typing import Dict

from ..connection import (
    close_nats_connection,
    get_jetstream_context,
    get_nats_connection,
)
from ..models import WORKER_STATUS

logger = logging.getLogger(__name__)


class WorkerStatusManager:
    def __init__(self, nats_url: str):
        self.nats_url = nats_url

    async def batch_update_status(self, updates: Dict[str, WORKER_STATUS]) -> None:
        nc = await get_nats_connection(self.nats_url)
        try:
            js = await get_jetstream_context(nc)
            kv = await js.key_value("worker_status")
            for worker_id, status in updates.items():
                await kv.put(worker_id, status.value)
        except Exception as e:
            logger.error(f"Batch status update failed: {e}")
            raise
        finally:
            await close_nats_connection(nc)
