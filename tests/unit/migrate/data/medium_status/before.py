from typing import Dict, Optional

from ..connection import (
    close_nats_connection,
    get_jetstream_context,
    get_nats_connection,
)
from ..models import WORKER_STATUS


class WorkerStatusManager:
    def __init__(self, nats_url: str):
        self.nats_url = nats_url

    async def update_worker_status(self, worker_id: str, status: WORKER_STATUS) -> None:
        nc = await get_nats_connection(self.nats_url)
        try:
            js = await get_jetstream_context(nc)
            kv = await js.key_value("worker_status")
            await kv.put(worker_id, status.value)
        finally:
            await close_nats_connection(nc)

    async def get_worker_status(self, worker_id: str) -> Optional[WORKER_STATUS]:
        nc = await get_nats_connection(self.nats_url)
        try:
            js = await get_jetstream_context(nc)
            kv = await js.key_value("worker_status")
            entry = await kv.get(worker_id)
            if entry:
                return WORKER_STATUS(entry.value.decode())
            return None
        finally:
            await close_nats_connection(nc)

    async def get_all_workers_status(self) -> Dict[str, WORKER_STATUS]:
        nc = await get_nats_connection(self.nats_url)
        try:
            js = await get_jetstream_context(nc)
            kv = await js.key_value("worker_status")
            entries = await kv.entries()
            return {
                key: WORKER_STATUS(entry.value.decode())
                for key, entry in entries.items()
            }
        finally:
            await close_nats_connection(nc)
