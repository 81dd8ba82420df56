from typing import Any, Optional

import cloudpickle

from .connection import (
    close_nats_connection,
    get_jetstream_context,
    get_nats_connection,
)


class ResultStore:
    def __init__(self, nats_url: str):
        self.nats_url = nats_url

    async def store_result(self, job_id: str, result: Any) -> None:
        nc = await get_nats_connection(self.nats_url)
        try:
            js = await get_jetstream_context(nc)
            kv = await js.key_value("job_results")
            await kv.put(job_id, cloudpickle.dumps(result))
        finally:
            await close_nats_connection(nc)

    async def get_result(self, job_id: str) -> Optional[Any]:
        nc = await get_nats_connection(self.nats_url)
        try:
            js = await get_jetstream_context(nc)
            kv = await js.key_value("job_results")
            entry = await kv.get(job_id)
            if entry:
                return cloudpickle.loads(entry.value)
            return None
        finally:
            await close_nats_connection(nc)

    async def cleanup_old_results(self, max_age_hours: int = 24) -> int:
        cleaned_count = 0
        nc = await get_nats_connection(self.nats_url)
        try:
            js = await get_jetstream_context(nc)
            kv = await js.key_value("job_results")
            # Implementation for cleanup
            return cleaned_count
        finally:
            await close_nats_connection(nc)
