"""Status of the workers in the key-value bucket ``worker_status``."""

import logging
from typing import Dict, Optional

from naq.models import WORKER_STATUS
from nats.js.errors import KeyNotFoundError, NoKeysError

from ..config import Config, get_config
from ..connection import (
    nats_jetstream,
    nats_kv_store,
)

logger = logging.getLogger(__name__)


class WorkerStatusManager:
    """Writes and reads what each worker is doing."""

    def __init__(self, config: Optional[Config] = None):
        self.config = config or get_config()

    async def update_worker_status(self, worker_id: str, status: WORKER_STATUS) -> None:
        """Store the status of one worker."""
        async with nats_kv_store("worker_status", self.config) as kv:
            await kv.put(worker_id, status.value.encode())

    async def get_worker_status(self, worker_id: str) -> Optional[WORKER_STATUS]:
        """Return the status of one worker, None for one that never stored any."""
        async with nats_kv_store("worker_status", self.config) as kv:
            try:
                entry = await kv.get(worker_id)
            except KeyNotFoundError:
                return None
            return WORKER_STATUS(entry.value.decode())

    async def get_all_workers_status(self) -> Dict[str, WORKER_STATUS]:
        """Return the status of every worker, by its id."""
        async with nats_kv_store("worker_status", self.config) as kv:
            try:
                worker_ids = await kv.keys()
            except NoKeysError:  # nats-py's word for an empty bucket
                return {}
            entries = {worker_id: await kv.get(worker_id) for worker_id in sorted(worker_ids)}
            return {key: WORKER_STATUS(entry.value.decode()) for key, entry in entries.items()}

    async def batch_update_status(self, updates: Dict[str, WORKER_STATUS]) -> None:
        """Store the status of several workers, one after the other."""
        async with nats_jetstream(self.config) as (nc, js):
            try:
                kv = await js.key_value("worker_status")
                for worker_id, status in updates.items():
                    await kv.put(worker_id, status.value.encode())
            except Exception as e:
                logger.error(f"Batch status update failed: {e}")
                raise
