"""Status of the workers in the key-value bucket ``worker_status``."""

import logging
from typing import Dict, Optional

from naq.models import WORKER_STATUS
from nats.js.errors import KeyNotFoundError, NoKeysError

from ..connection import (
    close_nats_connection,
    get_jetstream_context,
    get_nats_connection,
)

logger = logging.getLogger(__name__)


class WorkerStatusManager:
    """Writes and reads what each worker is doing."""

    def __init__(self, nats_url: str):
        self.nats_url = nats_url

    async def update_worker_status(self, worker_id: str, status: WORKER_STATUS) -> None:
        """Store the status of one worker."""
        nc = await get_nats_connection(self.nats_url)
        try:
            js = await get_jetstream_context(nc)
            kv = await js.key_value("worker_status")
            await kv.put(worker_id, status.value.encode())
        finally:
            await close_nats_connection(nc)

    async def get_worker_status(self, worker_id: str) -> Optional[WORKER_STATUS]:
        """Return the status of one worker, None for one that never stored any."""
        nc = None
        try:
            nc = await get_nats_connection(self.nats_url)
            js = await get_jetstream_context(nc)
            kv = await js.key_value("worker_status")
            try:
                entry = await kv.get(worker_id)
            except KeyNotFoundError:
                return None
            return WORKER_STATUS(entry.value.decode())
        finally:
            if nc is not None:
                await close_nats_connection(nc)

    async def get_all_workers_status(self) -> Dict[str, WORKER_STATUS]:
        """Return the status of every worker, by its id."""
        nc = await get_nats_connection(self.nats_url)
        try:
            js = await get_jetstream_context(nc)
            kv = await js.key_value("worker_status")
            try:
                worker_ids = await kv.keys()
            except NoKeysError:  # nats-py's word for an empty bucket
                return {}
            entries = {worker_id: await kv.get(worker_id) for worker_id in sorted(worker_ids)}
            return {key: WORKER_STATUS(entry.value.decode()) for key, entry in entries.items()}
        finally:
            await close_nats_connection(nc)

    async def batch_update_status(self, updates: Dict[str, WORKER_STATUS]) -> None:
        """Store the status of several workers, one after the other."""
        nc = await get_nats_connection(self.nats_url)
        try:
            js = await get_jetstream_context(nc)
            kv = await js.key_value("worker_status")
            for worker_id, status in updates.items():
                await kv.put(worker_id, status.value.encode())
        except Exception as e:
            logger.error(f"Batch status update failed: {e}")
            raise
        finally:
            await close_nats_connection(nc)
