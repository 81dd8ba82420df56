"""Results of jobs in the key-value bucket ``job_results``."""

from datetime import datetime, timedelta, timezone
from typing import Any, Optional

import cloudpickle
from nats.js.errors import KeyNotFoundError

from .config import Config, get_config
from .connection import nats_kv_store


class Results:
    """Stores and reads what jobs have returned."""

    def __init__(self, config: Optional[Config] = None):
        self.config = config or get_config()

    async def store_result(self, job_id: str, result: Any) -> None:
        """Store the result of a job."""
        async with nats_kv_store("job_results", self.config) as kv:
            await kv.put(job_id, cloudpickle.dumps(result))

    async def get_result(self, job_id: str) -> Optional[Any]:
        """Return the result of a job, None when there is none."""
        async with nats_kv_store("job_results", self.config) as kv:
            try:
                entry = await kv.get(job_id)
            except KeyNotFoundError:
                return None
            return cloudpickle.loads(entry.value)

    async def delete_result(self, job_id: str) -> bool:
        """Delete the result of a job; return whether there was one."""
        async with nats_kv_store("job_results", self.config) as kv:
            try:
                await kv.get(job_id)
            except KeyNotFoundError:
                return False
            await kv.delete(job_id)
        return True

    async def cleanup_old_results(self, max_age_hours: int = 24) -> int:
        """Delete the results older than an age; return how many."""
        async with nats_kv_store("job_results", self.config) as kv:
            oldest = datetime.now(timezone.utc) - timedelta(hours=max_age_hours)
            cleaned_count = 0
            watcher = await kv.watchall(ignore_deletes=True)
            async for entry in watcher:
                if entry is None:  # the initial state has been sent
                    break
                if entry.created < oldest:
                    await kv.purge(entry.key)
                    cleaned_count += 1
            await watcher.stop()
            return cleaned_count
