"""Results of jobs in the key-value bucket ``job_results``."""

from datetime import datetime, timedelta, timezone
from typing import Any, Optional

import cloudpickle
from nats.js.errors import KeyNotFoundError

from .connection import (
    close_nats_connection,
    get_jetstream_context,
    get_nats_connection,
)


class Results:
    """Stores and reads what jobs have returned."""

    def __init__(self, nats_url: str):
        self.nats_url = nats_url

    async def store_result(self, job_id: str, result: Any) -> None:
        """Store the result of a job."""
        nc = await get_nats_connection(self.nats_url)
        try:
            js = await get_jetstream_context(nc)
            kv = await js.key_value("job_results")
            await kv.put(job_id, cloudpickle.dumps(result))
        finally:
            await close_nats_connection(nc)

    async def get_result(self, job_id: str) -> Optional[Any]:
        """Return the result of a job, None when there is none."""
        nc = await get_nats_connection(self.nats_url)
        try:
            js = await get_jetstream_context(nc)
            kv = await js.key_value("job_results")
            try:
                entry = await kv.get(job_id)
            except KeyNotFoundError:
                return None
            return cloudpickle.loads(entry.value)
        finally:
            await close_nats_connection(nc)

    async def delete_result(self, job_id: str) -> bool:
        """Delete the result of a job; return whether there was one."""
        nc = await get_nats_connection(self.nats_url)
        js = await get_jetstream_context(nc)
        kv = await js.key_value("job_results")
        try:
            await kv.get(job_id)
        except KeyNotFoundError:
            return False
        await kv.delete(job_id)
        await close_nats_connection(nc)
        return True

    async def cleanup_old_results(self, max_age_hours: int = 24) -> int:
        """Delete the results older than an age; return how many."""
        nc = await get_nats_connection(self.nats_url)
        try:
            js = await get_jetstream_context(nc)
            kv = await js.key_value("job_results")
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
        finally:
            await close_nats_connection(nc)
