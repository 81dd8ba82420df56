from typing import Dict, Optional

from ..config import Config, get_config
from ..connection import nats_kv_store
from ..models import WORKER_STATUS


class WorkerStatusManager:
    def __init__(self, config: Optional[Config] = None):
        self.config = config or get_config()

    async def update_worker_status(self, worker_id: str, status: WORKER_STATUS) -> None:
        async with nats_kv_store("worker_status", self.config) as kv:
            await kv.put(worker_id, status.value)

    async def get_worker_status(self, worker_id: str) -> Optional[WORKER_STATUS]:
        async with nats_kv_store("worker_status", self.config) as kv:
            entry = await kv.get(worker_id)
            if entry:
                return WORKER_STATUS(entry.value.decode())
            return None

    async def get_all_workers_status(self) -> Dict[str, WORKER_STATUS]:
        async with nats_kv_store("worker_status", self.config) as kv:
            entries = await kv.entries()
            return {
                key: WORKER_STATUS(entry.value.decode())
                for key, entry in entries.items()
            }
