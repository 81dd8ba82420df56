from typing import Any, Optional

import cloudpickle

from .connection import nats_kv_store


class ResultStore:
    def __init__(self, nats_url: str):
        self.nats_url = nats_url

    async def store_result(self, job_id: str, result: Any) -> None:
        async with nats_kv_store("job_results", self.nats_url) as kv:
            await kv.put(job_id, cloudpickle.dumps(result))

    async def get_result(self, job_id: str) -> Optional[Any]:
        async with nats_kv_store("job_results", self.nats_url) as kv:
            entry = await kv.get(job_id)
            if entry:
                return cloudpickle.loads(entry.value)
            return None

    async def cleanup_old_results(self, max_age_hours: int = 24) -> int:
        cleaned_count = 0
        async with nats_kv_store("job_results", self.nats_url) as kv:
            # Implementation for cleanup
            return cleaned_count
